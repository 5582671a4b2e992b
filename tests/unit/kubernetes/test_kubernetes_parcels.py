"""Jobs whose calls and results pass through a real storage, and no Redis."""

import asyncio
import os
import secrets
import time

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, CallTimeout, ConfigurationError, WorkerLost
from support.clock import soon


@pytest.fixture
async def storage(seaweedfs):
    bucket = f"parcels-{secrets.token_hex(4)}"
    async with gl.AsyncStorage(
        "s3", bucket=bucket, region="us-east-1", endpoint=seaweedfs.endpoint,
        access_key_id=seaweedfs.user, secret_access_key=seaweedfs.secret,
    ) as storage:  # fmt: skip
        await storage.create_bucket(bucket)
        yield storage
        assert [one.key async for one in storage.list(bucket)] == []


@pytest.fixture(params=["a-job-for-each", "indexed"])
def jobs(options, cluster, request):
    if request.param == "indexed":
        cluster.grow_up()
    del options["redis"]
    # The stand-in starts as many pods as may run at a time, and no more afterwards.
    return options | {"mode": "jobs", "max_workers": 4}


def rest(seconds):
    time.sleep(seconds)


def work(number):
    print("number", number)
    if number == 2:
        raise KeyError("two")
    return number * 2, os.environ["GREENLITHOPS_POD"]


async def test_results_errors_and_output_come_through_the_storage(jobs, cluster, storage):
    async with (
        soon(100),
        gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor,
    ):
        job = executor.map(work, range(4))
        results = await job.results(return_exceptions=True)
        assert [one[0] for n, one in enumerate(results) if n != 2] == [0, 2, 6]
        assert len({one[1] for n, one in enumerate(results) if n != 2}) == 3
        assert isinstance(results[2], KeyError)
        assert job[3].logs == "number 3\n"
        assert job[3].energy.joules is not None
        assert "http" not in str([one["spec"] for one in cluster.of("Job")])


async def test_what_happens_to_a_call_is_said(jobs, storage):
    jobs["runtime_timeout"] = 2
    async with (
        soon(100),
        gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor,
    ):
        with pytest.raises(WorkerLost, match="exit code 3"):
            await executor.submit(os._exit, 3)
        with pytest.raises(CallTimeout, match="runtime_timeout"):
            await executor.submit(rest, 600)
        assert await executor.submit(abs, -1) == 1


async def test_a_cancelled_call_leaves_nothing(jobs, storage):
    async with (
        soon(100),
        gl.AsyncExecutor("kubernetes", backend_options=jobs, storage=storage) as executor,
    ):
        job = executor.map(rest, [600] * 2)
        await asyncio.sleep(1)
        job.cancel()
        with pytest.raises(CallCancelled):
            await job


async def test_without_redis_and_storage_it_is_said_what_is_missing(jobs):
    with pytest.raises(ConfigurationError, match="a Redis, or the executor's storage"):
        async with gl.AsyncExecutor("kubernetes", backend_options=jobs):
            pass
