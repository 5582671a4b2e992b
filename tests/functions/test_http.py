"""Calls over HTTP: the worker's application under a real server, and one that is in a bad mood."""

import asyncio
import os
import signal
import time
from collections import Counter

import aiohttp
import numpy as np
import pytest

import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.http.refusals import seconds_to_wait
from greenlithops.errors import (
    CallCancelled,
    CallTimeout,
    ConfigurationError,
    IncompatibleRuntime,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    UsageError,
    WorkerLost,
)
from greenlithops.models import ServiceSize
from greenlithops.offload import off_loop
from greenlithops.worker import invocation
from support.clock import soon

KEY = "the key of these tests"

MOODY = """
import itertools
from greenlithops.worker.application import Application

inner = Application(concurrency=16)
count = itertools.count()


async def app(scope, receive, send):
    number = next(count) if scope["type"] == "http" and scope["method"] == "POST" else -1
    status = {0: 429, 3: 503, 5: 429}.get(number % 7) if number >= 0 else None
    if status is None:
        await inner(scope, receive, send)
        return
    headers = [(b"retry-after", b"0")] if number % 2 else []
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"not now"})
"""


@pytest.fixture
async def executor(serve):
    server = await off_loop(serve)
    async with gl.AsyncExecutor(HttpBackend(server.url, KEY), max_workers=8) as executor:
        executor.server = server
        yield executor


def nap(seconds):
    time.sleep(seconds)


class Point:
    def __init__(self, x):
        self.x = x


def work(number):
    print("number", number)
    if number == 5:
        raise KeyError("five")
    return Point(number * 2)


async def test_calls_results_errors_and_output(executor):
    async with soon(20):
        job = executor.map(work, range(30))
        results = await job.results(return_exceptions=True)
    assert [point.x for n, point in enumerate(results) if n != 5] == [
        n * 2 for n in range(30) if n != 5
    ]
    assert type(results[0]) is Point
    assert isinstance(results[5], KeyError)
    assert "in work" in "".join(results[5].__notes__)
    assert job[3].logs == "number 3\n"
    stats = job[3].stats
    assert abs(stats.start - time.time()) < 60
    assert stats.worker
    assert job.energy is None  # what this machine uses is not what the service uses
    assert executor.workers


async def test_arrays_and_large_functions(executor):
    table = np.arange(200_000, dtype=np.float64)

    def scale(array, by):
        return array * by + table[0]

    async with soon(20):
        arrays = [np.full(50_000, float(n)) for n in range(6)]
        results = await executor.map(scale, [(array, 2.0) for array in arrays])
    for n, result in enumerate(results):
        assert result.flags.writeable
        assert (result == 2.0 * n).all()


async def test_coroutine_functions(executor):
    async def wait(number):
        await asyncio.sleep(0.01)
        return number

    async with soon(20):
        assert await executor.map(wait, range(20)) == list(range(20))


async def test_environment_of_calls(executor):
    def read():
        return os.environ.get("GLO_TEST")

    async with soon(20):
        submitter = executor.options(extra_env={"GLO_TEST": "here"})
        assert await submitter.submit(read) == "here"
        assert await executor.submit(read) is None


async def test_several_calls_in_one_invocation(serve):
    server = await off_loop(serve)
    backend = HttpBackend(server.url, KEY)
    asked = Counter()
    invoke = backend.invoke

    async def counting(body):
        asked["requests"] += 1
        return await invoke(body)

    backend.invoke = counting
    async with soon(20), gl.AsyncExecutor(backend, max_workers=2, chunksize=50) as executor:
        assert await executor.map(abs, range(-500, 0)) == list(range(500, 0, -1))
    assert asked["requests"] <= 12


async def test_no_call_is_lost_to_a_service_that_throttles(serve, tmp_path):
    (tmp_path / "moody.py").write_text(MOODY)
    server = await off_loop(serve, "moody:app")
    async with soon(30), gl.AsyncExecutor(HttpBackend(server.url, KEY)) as executor:
        assert await executor.map(abs, range(-300, 0)) == list(range(300, 0, -1))


async def test_a_service_that_comes_back(executor):
    server = executor.server
    async with soon(40):
        assert await executor.submit(abs, -1) == 1
        await off_loop(server.end)
        job = executor.map(abs, range(-20, 0))
        await asyncio.sleep(0.3)
        await off_loop(server.start)
        assert await job == list(range(20, 0, -1))


async def test_an_instance_that_dies_in_a_call(executor):
    def die(number):
        os.kill(os.getpid(), signal.SIGKILL)

    async with soon(20):
        with pytest.raises(WorkerLost):
            await executor.submit(die, 1)


async def test_a_service_that_is_not_there():
    backend = HttpBackend("http://127.0.0.1:9/", KEY, patience=0.5)
    async with soon(10), gl.AsyncExecutor(backend) as executor:
        with pytest.raises(ServiceUnavailable, match=r"127\.0\.0\.1:9"):
            await executor.submit(abs, -1)


async def test_a_wrong_key(executor):
    async with soon(10), gl.AsyncExecutor(HttpBackend(executor.server.url, "other")) as other:
        with pytest.raises(ServiceRefused, match="key"):
            await other.submit(abs, -1)


async def test_no_key(monkeypatch):
    monkeypatch.delenv("GREENLITHOPS_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="GREENLITHOPS_KEY"):
        HttpBackend("http://127.0.0.1:9/")


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"endpoint": "calls.example.org"}, "endpoint"),
        ({"endpoint": "ftp://calls.example.org/"}, "endpoint"),
        ({"endpoint": "http://127.0.0.1:9/", "worker_processes": 0}, "worker_processes"),
    ],
)
def test_options_that_make_no_sense(options, text):
    with pytest.raises(ConfigurationError, match=text):
        HttpBackend(**options, key=KEY)


async def test_another_python_by_a_client_that_says_so(executor, monkeypatch):
    monkeypatch.setattr("greenlithops.dispatch.parcels.PYTHON", (3, 7))
    async with soon(10):
        with pytest.raises(IncompatibleRuntime, match=r"3\.7"):
            await executor.submit(abs, -1)


async def test_another_protocol_by_a_client_that_says_so(executor, monkeypatch):
    monkeypatch.setattr(invocation, "VERSION", 99)
    async with soon(10):
        with pytest.raises(ServiceRefused, match="version"):
            await executor.submit(abs, -1)


async def test_timeouts(executor):
    async with soon(10):
        assert await executor.submit(nap, 0.01) is None  # the service has started
        job = executor.map(nap, [0.01, 60.0], timeout=4)
        results = await job.results(return_exceptions=True)
        assert results[0] is None
        assert isinstance(results[1], CallTimeout)


async def test_cancelling_drops_what_is_open(serve):
    server = await off_loop(serve)
    async with soon(20), gl.AsyncExecutor(HttpBackend(server.url, KEY)) as executor:
        job = executor.map(nap, [3.0] * 500)
        await asyncio.sleep(0.3)
        job.cancel()
        results = await job.results(return_exceptions=True)
    assert all(isinstance(result, CallCancelled) for result in results)


async def test_what_is_too_large(executor):
    backend = HttpBackend(executor.server.url, KEY, payload_bytes=100_000)
    async with soon(10), gl.AsyncExecutor(backend) as small:
        with pytest.raises(PayloadTooLarge, match="CloudObject"):
            await small.submit(len, bytes(200_000))
        assert await small.submit(len, bytes(2_000)) == 2_000


def three(size):
    print("of", size)
    return bytes(size)


@pytest.mark.parametrize("processes", [1, 2])
async def test_results_that_are_too_large(executor, processes):
    backend = HttpBackend(executor.server.url, KEY, reply_bytes=300_000, worker_processes=processes)
    async with soon(60), gl.AsyncExecutor(backend, chunksize=3) as small:
        with pytest.raises(PayloadTooLarge, match="CloudObject"):
            await small.submit(bytes, 300_000)
        job = small.map(three, [2_000, 500_000, 3_000])
        first, large, last = await job.results(return_exceptions=True)
        assert [len(first), len(last)] == [2_000, 3_000]
        assert isinstance(large, PayloadTooLarge)
        assert [future.logs for future in job] == ["of 2000\n", "of 500000\n", "of 3000\n"]
        assert len(await small.submit(bytes, 200_000)) == 200_000


async def test_options_of_workers_are_refused():
    with pytest.raises(UsageError, match="deployment"):
        async with gl.AsyncExecutor(HttpBackend("http://127.0.0.1:9/", KEY), max_memory="1 GiB"):
            pass


async def test_the_application_answers_others(executor):
    async with aiohttp.ClientSession() as session:
        async with session.get(executor.server.url) as response:
            assert "greenlithops worker" in await response.text()
        async with session.post(executor.server.url, data=b"nonsense") as response:
            assert response.status == 400
        async with session.put(executor.server.url, data=b"") as response:
            assert response.status == 405


def test_retry_after():
    assert seconds_to_wait("3") == 3.0
    assert seconds_to_wait(None) is None
    assert seconds_to_wait("soon") is None
    assert seconds_to_wait("Wed, 21 Oct 2015 07:28:00 GMT") == 0.0


async def test_energy_where_the_size_of_the_service_is_known(serve):
    size = ServiceSize(memory_mb=1769, vcpus=2.0, provider="GCP", region="europe-west1")
    server = await off_loop(serve)
    backend = HttpBackend(server.url, KEY, size=size)
    async with soon(20), gl.AsyncExecutor(backend) as executor:
        job = executor.map(burn, [0.05, 0.1])
        await job
        calls, report = [job[0].energy, job[1].energy], job.energy
        whole = executor.energy
    for call, future in zip(calls, job, strict=True):
        stats = future.stats
        assert call.kind == "estimated"
        assert call.joules == pytest.approx((4.26 - 0.71) * stats.cpu_seconds)
        beside = stats.serialization_seconds
        seconds = stats.wall_seconds + (beside if beside > 0.001 else 0.0)
        assert call.idle_joules == pytest.approx(0.71 * 2.0 * seconds)
        assert call.joules_low < call.joules < call.joules_high
        assert call.gco2e > 0
    assert report.joules == pytest.approx(sum(call.joules for call in calls))
    assert report.idle_joules == pytest.approx(sum(call.idle_joules for call in calls))
    assert (report.calls, report.machine_joules) == (2, None)
    assert whole.joules == pytest.approx(report.joules)


def burn(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass
