"""The Helm chart, by Helm itself, on a real cluster."""

import asyncio
import json
import os
import secrets
from pathlib import Path
from urllib.parse import urlsplit

import pytest

import greenlithops as gl

CHART = Path(__file__).parents[2] / "deploy" / "helm" / "greenlithops"
IMAGE = os.environ.get("GREENLITHOPS_TEST_IMAGE", "localhost/greenlithops:test")
INFO = 1  #: Helm's severity of hints


async def helm(action, namespace, values=None):
    """Have Helm do something with the chart; return what it says."""
    python = os.environ.get("GREENLITHOPS_TEST_HELM")
    if not python:
        pytest.fail("this test needs Helm: GREENLITHOPS_TEST_HELM=a Python that has helm-sdkpy")
    process = await asyncio.create_subprocess_exec(
        *(python, Path(__file__).with_name("helm_release.py"), action),
        *(os.environ["KUBECONFIG"], namespace, CHART, json.dumps(values)),
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return json.loads(said)


async def test_helm_finds_nothing_wrong_with_the_chart(kube):
    said = await helm("lint", kube.namespace)
    assert said["TotalChartsLinted"] == 1
    assert not said["Errors"]
    assert all(one["Severity"] <= INFO for one in said["Messages"])


async def test_a_pool_that_helm_installs_runs_calls_and_goes(kube, redis):
    place = urlsplit(redis.url)
    values = {
        "image": IMAGE,
        "replicas": 1,
        "key": secrets.token_hex(32),
        "redis": {"host": place.hostname, "port": place.port, "password": place.password},
        "resources": {"requests": {"cpu": "50m", "memory": "160Mi"}, "limits": {"memory": "160Mi"}},
    }
    await helm("install", kube.namespace, values)
    part = "app.kubernetes.io/part-of=greenlithops"
    assert await kube.names("Deployment", part) == ["greenlithops-calls"]
    options = {"pool": "calls", "namespace": kube.namespace}
    async with gl.AsyncExecutor("kubernetes", backend_options=options) as executor:
        assert await executor.map(abs, [-1, -2, -3]) == [1, 2, 3]
    await helm("uninstall", kube.namespace)
    while await kube.items("Deployment", part):  # noqa: ASYNC110 - it is asked for
        await asyncio.sleep(0.2)
