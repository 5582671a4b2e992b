"""Jobs whose calls and results pass through a storage that pods reach, and no Redis."""

import asyncio
import contextlib
import os
import secrets
import time
from urllib.parse import urlsplit

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, OutOfMemory, WorkerLost

HOST = os.environ.get("GREENLITHOPS_TEST_HOST", "10.90.0.1")


async def pipe(reader, writer):
    with contextlib.suppress(OSError):
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    writer.close()


@contextlib.asynccontextmanager
async def reachable(endpoint):
    """Give the address at which pods reach a server of this machine."""
    place = urlsplit(endpoint)

    async def forward(reader, writer):
        theirs, ours = await asyncio.open_connection(place.hostname, place.port)
        await asyncio.gather(pipe(reader, ours), pipe(theirs, writer))

    server = await asyncio.start_server(forward, HOST, 0)
    try:
        yield f"http://{HOST}:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


@pytest.fixture
async def storage(seaweedfs):
    bucket = f"parcels-{secrets.token_hex(4)}"
    async with reachable(seaweedfs.endpoint) as endpoint, gl.AsyncStorage(
        "s3", bucket=bucket, region="us-east-1", endpoint=endpoint,
        access_key_id=seaweedfs.user, secret_access_key=seaweedfs.secret,
    ) as storage:  # fmt: skip
        await storage.create_bucket(bucket)
        yield storage
        assert [one.key async for one in storage.list(bucket)] == []


@pytest.fixture
def jobs(options):
    del options["redis"]
    return options | {"mode": "jobs", "max_workers": 4, "grace_seconds": 0}


def where(number):
    if number == 2:
        raise KeyError("two")
    return number, os.uname().nodename


def rest(seconds):
    time.sleep(seconds)


def slow(number):
    time.sleep(3)
    return number


def greedy(megabytes):
    return len(bytearray(megabytes << 20))


async def test_results_and_errors_come_through_the_storage(jobs, storage):
    async with gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor:
        job = executor.map(where, range(6))
        results = await job.results(return_exceptions=True)
        assert isinstance(results[2], KeyError)
        found = [one for n, one in enumerate(results) if n != 2]
        assert [number for number, _ in found] == [0, 1, 3, 4, 5]
        assert len({pod for _, pod in found}) == 5
        with pytest.raises(WorkerLost, match="exit code 3"):
            await executor.submit(os._exit, 3)


async def test_a_lost_pods_call_runs_again(jobs, storage, kube):
    async with gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor:
        job = executor.map(slow, range(2))
        await kube.api.delete("Pod", (await kube.running(1))[0])
        assert await job == [0, 1]


async def test_memory_is_told_of_and_given(jobs, storage):
    async with gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor:
        with pytest.raises(OutOfMemory):
            await executor.submit(greedy, 1000)
    jobs["more_memory"] = 2
    async with gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor:
        assert await executor.submit(greedy, 400) == 400 << 20


async def test_a_cancelled_job_leaves_nothing(jobs, storage, kube):
    async with gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor:
        job = executor.map(rest, [600] * 2)
        await kube.running(1)
        job.cancel()
        with pytest.raises(CallCancelled):
            await job
