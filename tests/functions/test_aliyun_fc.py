"""Calls in Function Compute: a stand-in of our own for the API, real processes for instances."""

import json
import os
import subprocess
import time

import pytest

import greenlithops as gl
from greenlithops.backends.compute.aliyun_fc.backend import aliyun_fc
from greenlithops.backends.compute.aliyun_fc.options import FunctionComputeOptions
from greenlithops.backends.compute.aliyun_fc.signing import sign
from greenlithops.backends.compute.services import PYTHON
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    NotSupported,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    WorkerLost,
)
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from support.clock import soon
from support.clouds.aliyun import SDK, SIGNATURES, FunctionCompute
from support.clouds.stand_in import Said, StandIn, content

IMAGE = "registry.eu-central-1.aliyuncs.com/me/calls:1"
ACCOUNT = {
    "account_id": "123",
    "region": "eu-central-1",
    "access_key_id": "key-id",
    "access_key_secret": "the secret",
}


@pytest.fixture
async def cloud(tmp_path):
    one = await off_loop(FunctionCompute, tmp_path)
    yield one
    await off_loop(one.close)


def options(cloud, **more):
    # The stand-in runs this Python, whatever Alibaba's brings.
    return {**ACCOUNT, "endpoint": cloud.url, "code_runtime": f"python{PYTHON}", **more}


def work(number):
    print("number", number)
    return 1 / number


def nap(seconds):
    time.sleep(seconds)
    return seconds


def leave(how):
    if how == "killed":
        os.kill(os.getpid(), 9)
    os._exit(how)


async def test_calls_in_a_function_of_a_stand_in_for_function_compute(cloud):
    async with soon(40), gl.AsyncExecutor("aliyun_fc", backend_options=options(cloud)) as ex:
        job = ex.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"
    assert job[1].stats.billed_seconds == 0.0125
    assert job.energy.kind == "estimated"
    (function,) = cloud.functions.values()
    assert function["cpu"] == 0.15
    assert function["memorySize"] == 256


async def test_calls_in_an_image_of_a_stand_in_for_function_compute(cloud):
    wanted = options(cloud, code_runtime=None, deploy_mode="custom-container", runtime=IMAGE)
    async with soon(40), gl.AsyncExecutor(aliyun_fc(**wanted)) as ex:
        assert await ex.map(abs, range(-4, 0)) == [4, 3, 2, 1]
    (function,) = cloud.functions.values()
    assert function["customContainerConfig"]["image"] == IMAGE


async def test_nothing_is_made_twice_and_what_differs_is_brought_up_to_date(cloud):
    async with soon(40):
        async with aliyun_fc(**options(cloud)) as first:
            key = first.key
        before = len(cloud.asked)
        async with aliyun_fc(**options(cloud)) as again:
            assert again.key == key
        assert [one.method for one in cloud.asked[before:]] == ["GET", "GET"]
        async with aliyun_fc(
            **options(cloud, runtime_timeout=60, role_arn="acs:ram::1:role/x")
        ) as one:
            assert one.service.name == again.service.name
            assert one.service.timeout_seconds == 60
            assert one.key == key
        assert [one.method for one in cloud.asked].count("PUT") == 1


async def test_listing_describing_and_deleting(cloud):
    async with soon(40), aliyun_fc(**options(cloud)) as backend:
        async with aliyun_fc(**options(cloud, namespace="other")) as other:
            names = {backend.service.name, other.service.name}
            assert {one.name async for one in backend.services()} == names
            await other.delete()
            await other.delete()  # a missing one is fine
        cloud.functions["theirs"] = {"functionName": "theirs", "environmentVariables": {}}
        assert [one.name async for one in backend.services()] == [backend.service.name]
        assert (await backend.describe())["python"].startswith("3.")
        with pytest.raises(NotSupported, match="Simple Log Service"):
            assert [line async for line in backend.logs()]
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            await aliyun_fc(**options(cloud, name="theirs")).__aenter__()


async def test_faults(cloud):
    wanted = options(cloud, runtime_timeout=1)
    async with soon(55), gl.AsyncExecutor(aliyun_fc(**wanted), max_workers=4) as ex:
        url = "/invocations"
        busy = ("POST", url, Said(429, b'{"Code": "ResourceThrottled"}'))
        cloud.next.extend([busy, ("POST", url, Said(503, b"away")), busy])
        assert await ex.map(abs, range(6)) == list(range(6))
        assert not cloud.next
        with pytest.raises(CallTimeout, match="timed out after 1 seconds"):
            await ex.submit(nap, 20)
        with pytest.raises(WorkerLost, match="exited unexpectedly"):
            await ex.submit(leave, 3)
        with pytest.raises(OutOfMemory, match="runtime_memory"):
            await ex.submit(leave, "killed")
        with pytest.raises(PayloadTooLarge, match="33554432"):
            await ex.submit(len, bytes(33 << 20))
        cloud.next.append(("POST", url, Said(500, b'{"Code": "InternalServerError"}')))
        with pytest.raises(WorkerLost, match="InternalServerError"):
            await ex.submit(abs, 1)
        cloud.next.append(("POST", url, Said(200, None)))
        with pytest.raises(WorkerLost, match="broke while calls ran"):
            await ex.submit(abs, 1)
        assert await ex.submit(len, bytes(3 << 20)) == 3 << 20


async def test_throttling_loses_no_call(cloud):
    cloud.most = 3
    async with soon(40), gl.AsyncExecutor(aliyun_fc(**options(cloud)), max_workers=12) as ex:
        assert await ex.map(nap, [0.05] * 30) == [0.05] * 30


async def test_who_has_not_the_key_is_refused(cloud):
    async with soon(30), aliyun_fc(**options(cloud)) as backend:
        forged = invocation.pack(b"other", invocation.REQUEST, ())
        with pytest.raises(ServiceRefused, match="ProtocolError"):
            await backend.invoke(forged)
        with pytest.raises(ServiceRefused, match="InvalidAccessKeyID"):
            await aliyun_fc(**options(cloud, access_key_id="else")).__aenter__()


async def test_another_python_is_told_before_anything_runs(cloud):
    wrong = options(cloud, name="other", code_runtime="python3.9")
    async with soon(30):
        with pytest.raises(IncompatibleRuntime, match=r"runs Python 3\.9"):
            await aliyun_fc(**wrong).__aenter__()


async def test_signatures_are_those_of_alibabas_own_client(cloud, sdk):
    async with soon(50), aliyun_fc(**options(cloud, security_token="temporary")) as backend:
        assert [one async for one in backend.services()]
        async with aliyun_fc(**options(cloud, runtime_timeout=9)) as changed:
            await changed.describe()
            await changed.delete()
    requests = []
    for one in cloud.asked:
        names = one.headers["authorization"].split("SignedHeaders=")[1].partition(",")[0].split(";")
        headers = {name: one.headers[name] for name in names}
        parts = {"method": one.method, "pathname": one.path, "query": one.query}
        requests.append({**parts, "headers": headers})
    said = await off_loop(asked_of, [sdk, "-c", SIGNATURES], requests)
    assert said.splitlines() == [one.headers["authorization"] for one in cloud.asked]
    assert {one.headers["x-acs-action"] for one in cloud.asked} == {
        *("CreateFunction", "GetFunction", "ListFunctions", "UpdateFunction", "DeleteFunction"),
        "InvokeFunction",
    }


def test_a_signature_with_a_query():
    url = "http://h/2023-03-30/functions?limit=100&nextToken=a%20b%2F~"
    one = sign("GET", url, b"", "", key="k", secret="s", nonce="n")
    other = sign("GET", url, b"", "", key="k", secret="t", nonce="n")
    assert one["Authorization"] != other["Authorization"]
    assert one["x-acs-action"] == "ListFunctions"


class Recorder(StandIn):
    """Answers so that a client goes on."""

    def answer(self, asked):
        return content({})


def asked_of(command, value):
    """Return what a program prints that is given a value as JSON."""
    text = json.dumps(value)
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def seen(asked):
    """Return what matters of a request."""
    body = asked.body.decode("latin-1")
    if asked.path.endswith("/invocations"):
        body = ""
    elif body:
        # Their client adds an empty list of tags.
        pairs = [pair for pair in json.loads(body).items() if pair != ("tags", [])]
        body = json.dumps(sorted(pairs), sort_keys=True)
    kind = asked.headers.get("content-type", "").partition(";")[0] if asked.body else ""
    return asked.method, asked.path, str(asked.query), kind, asked.headers["x-acs-action"], body


@pytest.mark.parametrize("mode", ["runtime", "custom-container"])
async def test_requests_are_those_of_alibabas_own_client(cloud, sdk, mode):
    wanted = options(cloud, role_arn="acs:ram::1:role/x", env_vars={"A": "1"}, name="calls")
    if mode == "custom-container":
        wanted |= {"code_runtime": None, "deploy_mode": mode, "runtime": IMAGE}
    async with soon(55):
        async with aliyun_fc(**wanted):
            pass
        async with aliyun_fc(**wanted, runtime_timeout=9) as backend:
            assert [one async for one in backend.services()]
            await backend.describe()
            await backend.delete()
    bodies = {one.method: one.json() for one in cloud.asked if one.method == "PUT"}
    created = next(
        one.json() for one in cloud.asked if one.path.endswith("/functions") and one.body
    )
    recorder = await off_loop(Recorder)
    try:
        said = {"create": created, "update": bodies["PUT"]}
        host = recorder.url.removeprefix("http://")
        await off_loop(asked_of, [sdk, "-c", SDK, host], said)
    finally:
        await off_loop(recorder.close)
    assert {seen(one) for one in cloud.asked} == {seen(one) for one in recorder.asked}


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"runtime_memory": 200}, "multiple of 64"),
        ({"runtime_memory": 1024, "runtime_cpu": 2}, "from 0.25 to 1 for 1024 MB"),
        ({"deploy_mode": "zip"}, "'runtime' or"),
        ({"deploy_mode": "custom-container", "code_runtime": None}, "go together"),
        ({"ephemeral_storage": 600}, "512 or 10240"),
        ({"name": "a/b"}, "letters, digits"),
        ({"container_concurrency": 2}, "is for images"),
        ({"regoin": "x"}, "did you mean 'region'"),
    ],
    ids=["memory", "cpu", "mode", "image", "disk", "name", "concurrency", "unknown"],
)
def test_options_that_are_refused(given, text):
    with pytest.raises(ConfigurationError, match=text):
        aliyun_fc(**(ACCOUNT | {"code_runtime": "python3.12"} | given))


def test_a_python_that_the_service_does_not_bring():
    if PYTHON in {"3.10", "3.12"}:
        assert aliyun_fc(**ACCOUNT)
    else:
        with pytest.raises(ConfigurationError, match=r"brings Python 3\.10, 3\.12"):
            aliyun_fc(**ACCOUNT)


def test_lithops_names_and_secrets():
    lithops = {
        "runtime": "calls",
        "max_workers": 7,
        "public_endpoint": "https://fc",
        "docker_user": "x",
    }
    found = FunctionComputeOptions.of({**ACCOUNT, **lithops, "code_runtime": "python3.12"})
    assert found.name == "calls"
    assert found.concurrency == 7
    assert found.base() == "https://fc/2023-03-30/functions"
    assert "the secret" not in repr(found)
    usual = FunctionComputeOptions.of({**ACCOUNT, "code_runtime": "python3.12"})
    assert usual.base() == "https://123.eu-central-1.fc.aliyuncs.com/2023-03-30/functions"
