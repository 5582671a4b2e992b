"""Calls in an OpenWhisk action: a stand-in of our own for the API, real processes for actions."""

import os
import time

import aiohttp
import pytest

import greenlithops as gl
from greenlithops.backends.compute.openwhisk.activations import result
from greenlithops.backends.compute.openwhisk.backend import openwhisk
from greenlithops.errors import (
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    OutOfMemory,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from support.clock import soon
from support.clouds.openwhisk import BUSY, OpenWhisk
from support.clouds.stand_in import Said


@pytest.fixture
async def whisk(tmp_path):
    one = await off_loop(OpenWhisk, tmp_path)
    yield one
    await off_loop(one.close)


def options(whisk, **more):
    return {"endpoint": whisk.url, "namespace": "guest", "api_key": "me:secret", **more}


def work(number):
    print("number", number)
    return 1 / number


def variable(name):
    return os.environ.get(name)


def nap(seconds):
    time.sleep(seconds)
    return seconds


def leave(how):
    if how == "killed":
        os.kill(os.getpid(), 9)
    os._exit(how)


def large(size):
    return b"x" * size


async def test_calls_in_an_action_of_a_stand_in_for_openwhisk(whisk):
    more = {"env_vars": {"A": "1"}, "vcpus": 0.5, "max_workers": 4}
    async with (
        soon(40),
        gl.AsyncExecutor("openwhisk", backend_options=options(whisk, **more)) as ex,
    ):
        job = ex.map(work, [0, 1, 2, 4])
        results = await job.results(return_exceptions=True)
        assert await ex.submit(variable, "A") == "1"
        assert await ex.submit(variable, "__OW_ACTIVATION_ID")
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1:] == [1.0, 0.5, 0.25]
    assert job[2].logs == "number 2\n"
    assert any(future.stats.cold_start for future in job)
    assert all(future.stats.billed_seconds > 0 for future in job)
    assert job.energy.kind == "estimated"


@pytest.mark.parametrize("init", [True, False])
async def test_the_key_is_bound_so_that_no_invocation_can_bring_another(whisk, init):
    whisk.init = init
    backend = openwhisk(**options(whisk))
    async with soon(40), gl.AsyncExecutor(backend) as ex:
        assert await ex.submit(abs, -1) == 1
        (action,) = whisk.actions.values()
        notes = {one["key"]: one["value"] for one in action["annotations"]}
        assert notes["final"] is True
        assert (await backend.describe())["python"].startswith("3.")
        forged = invocation.pack(b"other", invocation.REQUEST, ())
        with pytest.raises(ServiceRefused, match="key"):
            await backend.invoke(forged)


async def test_what_takes_longer_than_a_request_is_held_is_polled(whisk):
    whisk.hold = 0.2
    async with soon(30), gl.AsyncExecutor(openwhisk(**options(whisk))) as ex:
        job = ex.map(nap, [0.6, 0.7])
        assert await job == [0.6, 0.7]
    polled = [one for one in whisk.asked if "/activations/" in one.path]
    assert polled


async def test_nothing_is_made_twice_and_what_differs_is_brought_up_to_date(whisk):
    async with soon(40):
        async with openwhisk(**options(whisk)) as first:
            key = first.key
        before = len(whisk.asked)
        async with openwhisk(**options(whisk)) as again:
            assert again.key == key
        assert [one.method for one in whisk.asked[before:]] == ["GET"]
        async with openwhisk(**options(whisk, runtime_timeout=60)) as changed:
            assert changed.service.name == again.service.name
            assert changed.service.timeout_seconds == 60
            assert changed.key == key
        async with openwhisk(**options(whisk, runtime="python:3.12", runtime_memory=512)) as other:
            names = {one.name async for one in other.services()}
            assert names == {other.service.name, again.service.name}
            await other.delete()
            await other.delete()  # a missing one is fine
            assert {one.name async for one in other.services()} == {again.service.name}


async def test_logs(whisk):
    async with soon(30):
        async with gl.AsyncExecutor(openwhisk(**options(whisk))) as ex:
            assert await ex.map(abs, [-1, -2]) == [1, 2]
        async with openwhisk(**options(whisk)) as reader:
            lines = [line async for line in reader.logs()]
    assert sorted(lines) == [f"activation {number:032x}" for number in (1, 2)]


async def test_faults(whisk):
    wanted = options(whisk, runtime_timeout=1)
    async with soon(50), gl.AsyncExecutor(openwhisk(**wanted), max_workers=4) as ex:
        whisk.next.extend([("POST", "", BUSY), ("POST", "", Said(503, b"no invokers"))])
        assert await ex.map(abs, range(6)) == list(range(6))
        assert not whisk.next
        with pytest.raises(CallTimeout, match="time limits of 1000 milliseconds"):
            await ex.submit(nap, 20)
        with pytest.raises(WorkerLost, match="valid response"):
            await ex.submit(leave, 3)
        with pytest.raises(OutOfMemory, match="exhausted its memory"):
            await ex.submit(leave, "killed")
        with pytest.raises(PayloadTooLarge, match="storage with a bucket"):
            await ex.submit(len, b"x" * 2_000_000)
        with pytest.raises(PayloadTooLarge, match="results take"):
            await ex.submit(large, 2_000_000)
        whisk.next.append(("POST", "", Said(200, None)))
        with pytest.raises(WorkerLost, match="broke"):
            await ex.submit(abs, 1)


async def test_throttling_loses_no_call(whisk):
    whisk.most = 3
    async with soon(40), gl.AsyncExecutor(openwhisk(**options(whisk)), max_workers=12) as ex:
        assert await ex.map(nap, [0.05] * 30) == [0.05] * 30


async def test_large_messages_go_through_a_storage(whisk, seaweedfs):
    storage = gl.AsyncStorage(
        "s3",
        bucket="openwhisk",
        endpoint=seaweedfs.endpoint,
        region="us-east-1",
        access_key_id=seaweedfs.user,
        secret_access_key=seaweedfs.secret,
    )
    async with soon(50), storage:
        await storage.create_bucket("openwhisk")
        async with gl.AsyncExecutor(openwhisk(**options(whisk)), storage=storage) as ex:
            assert await ex.submit(len, b"x" * 3_000_000) == 3_000_000
            assert len(await ex.submit(large, 3_000_000)) == 3_000_000
        assert [one async for one in storage.list("openwhisk", "")] == []


async def test_who_may_not_and_what_is_not_there(whisk):
    async with soon(20):
        with pytest.raises(ServiceRefused, match="authentication is invalid"):
            await openwhisk(**options(whisk, api_key="a:b")).__aenter__()
        with pytest.raises(ServiceRefused, match="malformed"):
            await openwhisk(**options(whisk, runtime="python:2")).__aenter__()
        gone = options(whisk) | {"endpoint": "http://127.0.0.1:9", "patience": 0.1}
        with pytest.raises(ServiceUnavailable, match="not reached"):
            await openwhisk(**gone).__aenter__()


async def test_an_action_of_somebody_else_is_left_alone(whisk):
    async with soon(20):
        base = f"{whisk.url}/api/v1/namespaces/guest"
        headers = {"Authorization": "Basic bWU6c2VjcmV0"}
        whisk.packages.add("greenlithops")
        whisk.actions["greenlithops/theirs"] = {"name": "theirs", "namespace": "guest/greenlithops"}
        with pytest.raises(ConfigurationError, match="none of greenlithops"):
            await openwhisk(**options(whisk, name="theirs")).__aenter__()
        async with (
            aiohttp.ClientSession(headers=headers) as session,
            session.get(f"{base}/actions/greenlithops/theirs") as response,
        ):
            assert response.status == 200


async def test_another_python_is_told_before_anything_runs(whisk, monkeypatch):
    monkeypatch.setattr("greenlithops.dispatch.parcels.PYTHON", (3, 4))
    async with soon(30), gl.AsyncExecutor(openwhisk(**options(whisk))) as ex:
        with pytest.raises(IncompatibleRuntime, match="Python 3"):
            await ex.submit(abs, 1)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("The action produced a response that exceeded the allowed length", PayloadTooLarge),
        ("Failed to pull container image 'x'.", ServiceRefused),
        ("The action failed during initialization: x", ServiceRefused),
    ],
    ids=["large", "image", "initialization"],
)
def test_what_records_say(error, kind):
    record = {"response": {"status": "action developer error", "result": {"error": error}}}
    with pytest.raises(kind):
        result(record)


def test_openwhisks_own_failure_may_be_tried_again():
    record = {"response": {"status": "whisk internal error", "result": {"error": "no invoker"}}}
    with pytest.raises(ServiceUnavailable):
        result(record)


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"api_key": "one"}, "two parts"),
        ({"endpoint": "whisk"}, "is a URL"),
        ({"runtime_memory": 1}, "from 128"),
        ({"name": "a/b"}, "letters, digits"),
        ({"architecture": "mips"}, "x86_64"),
        ({"max_wrokers": 1}, "did you mean 'max_workers'"),
    ],
    ids=["key", "endpoint", "memory", "name", "architecture", "unknown"],
)
def test_options_that_are_refused(given, text):
    usual = {"endpoint": "https://whisk", "namespace": "_", "api_key": "a:b"}
    with pytest.raises(ConfigurationError, match=text):
        openwhisk(**(usual | given))


def test_what_is_required_and_lithops_names():
    with pytest.raises(ConfigurationError, match="'namespace' is missing"):
        openwhisk(endpoint="https://whisk", api_key="a:b")
    found = openwhisk(
        endpoint="https://whisk",
        namespace="_",
        api_key="a:b",
        max_workers=7,
        worker_processes=1,
        docker_user="x",
        insecure=True,
    )
    assert found.limits.concurrency == 7
    assert "a:b" not in repr(found.options)
