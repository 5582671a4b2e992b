"""What cleans up after a program: by a plain request, without the cluster's slow client."""

import asyncio
import base64
import contextlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.backends.compute.kubernetes.child import mounted
from greenlithops.backends.compute.kubernetes.guardian import quickly
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
from support.clock import eventually, soon
from support.clouds.kubernetes import NAMESPACE

IMAGE = "registry.example.com/me/calls:1"
GUARDIAN = "greenlithops.backends.compute.kubernetes.guardian"
#: an agent that waits for signs of its program as long as for its calls
PATIENT = (
    "from greenlithops.backends.compute.kubernetes import agent\n"
    "agent.SILENT_SECONDS = 600\n"
    "agent.main()"
)
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "greenlithops-abc"},
    "spec": {
        "parallelism": 0,
        "template": {
            "spec": {"restartPolicy": "Never", "containers": [{"name": "none", "image": "none"}]}
        },
    },
}


@pytest.fixture
async def api(cluster):
    from greenlithops.backends.compute.kubernetes.api import Api  # noqa: PLC0415 - after its client

    options = KubernetesOptions(image="x", kubeconfig=str(cluster.kubeconfig))
    api = await Api.open(options)
    await api.create(JOB)
    yield api
    await api.close()


async def test_what_is_known_of_the_server_is_enough(api, cluster):
    access = await api.access()
    assert json.loads(json.dumps(access)) == access
    assert await asyncio.to_thread(quickly, access, NAMESPACE, "abc")
    assert not cluster.of("Job")
    assert await asyncio.to_thread(quickly, access, NAMESPACE, "abc")  # it is gone: that is fine


@pytest.mark.parametrize(
    "change",
    [{"headers": {}}, {"host": "http://127.0.0.1:9"}, {"host": "https://127.0.0.1:9", "ca": "/no"}],
    ids=["credentials", "nobody", "no-file"],
)
async def test_where_it_is_not_enough_it_is_said(api, cluster, change):
    access = await api.access() | change
    assert not await asyncio.to_thread(quickly, access, NAMESPACE, "abc")
    assert cluster.of("Job")


async def test_the_end_of_a_program_is_enough(api, cluster):
    """The options name no cluster, so that only the quick way can have worked."""
    access = await api.access()
    ours, theirs = os.pipe()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", GUARDIAN, str(ours)),
        pass_fds=(ours,),
        stdin=subprocess.DEVNULL,
    )
    os.close(ours)
    options = {"namespace": NAMESPACE, "kubeconfig": "/nowhere"}
    await asyncio.to_thread(os.write, theirs, json.dumps([options, "abc", access]).encode() + b"\n")
    assert cluster.of("Job")
    os.close(theirs)
    async with soon(60):
        assert await process.wait() == 0
    assert not cluster.of("Job")


def begin(place):
    Path(place).touch()
    time.sleep(600)


async def test_a_pod_that_is_told_to_end_waits_for_no_call_of_a_program_that_has_left(
    options, cluster, tmp_path
):
    cluster.images[IMAGE] = "ContainerCreating"  # so that our agent takes the call
    options |= {"image": IMAGE, "client_seconds": 600, "grace_seconds": 600}
    file, began = tmp_path / "settings.json", tmp_path / "began"
    async with soon(60):
        with contextlib.suppress(LookupError):
            async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
                settings = base64.b64decode(cluster.of("Secret")[0]["data"]["settings.json"])
                await asyncio.to_thread(file.write_bytes, settings)
                agent = await asyncio.create_subprocess_exec(sys.executable, "-c", PATIENT, file)
                executor.map(begin, [str(began)])
                await eventually(began.exists, 30)
                raise LookupError
        agent.terminate()
        await agent.wait()


async def test_a_pod_waits_for_its_secret(tmp_path):
    file = tmp_path / "settings.json"
    waiting = asyncio.create_task(mounted(file))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    await asyncio.to_thread(file.write_text, '{"pool": "calls"}')
    async with soon(20):
        assert await waiting == {"pool": "calls"}
