"""Calls that wait for other calls: inner executors, and files that another call writes."""

import asyncio
import itertools
import os
import time

import pytest

import greenlithops as gl
from support.clock import soon
from support.disasters import hold, sleep_async, square


def inner(levels):
    """Run an executor inside the call, and one inside of its calls."""

    async def work():
        async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
            return await executor.map(inner, [levels - 1] * 2)

    return [os.getpid()] if levels == 0 else [os.getpid(), *itertools.chain(*asyncio.run(work()))]


async def inner_async(levels):
    if levels == 0:
        return 1
    async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
        return sum(await executor.map(inner_async, [levels - 1] * 2))


async def test_executors_inside_of_calls(executor):
    async with soon(20):
        found = await executor.map(inner, [2, 2])
    assert [len(pids) for pids in found] == [7, 7]
    async with soon(20):
        assert await executor.submit(inner_async, 2) == 4


async def test_several_executors_in_one_loop():
    async with gl.AsyncExecutor(max_workers=1) as one, gl.AsyncExecutor(max_workers=1) as two:
        async with soon(10):
            jobs = [executor.map(square, range(500)) for executor in (one, two, one, two)]
            assert await gl.gather(*jobs) == [[n * n for n in range(500)]] * 4
        assert one.id != two.id


def wait_for(path, seconds=90):
    end = time.monotonic() + seconds
    while not path.exists():
        if time.monotonic() > end:
            raise TimeoutError(f"nobody wrote {path.name}")
        time.sleep(0.005)


@pytest.mark.parametrize("size", [20, 300, 3000])
@pytest.mark.parametrize("distance", [1, 2, 15])
async def test_a_call_may_wait_for_a_later_one_of_its_job(executor, tmp_path, size, distance):
    """With two workers, what a blocked call waits for must come to the other one."""

    def work(number):
        if number == size // 2:
            wait_for(tmp_path / "written")
        if number == min(size // 2 + distance, size - 1):
            (tmp_path / "written").touch()
        return number

    await executor.map(square, range(2000))  # quick calls: they travel in batches
    (tmp_path / "written").touch()
    await executor.map(work, range(size))  # and this function is known to be quick
    (tmp_path / "written").unlink()
    async with soon(8):
        assert await executor.map(work, range(size)) == list(range(size))


async def test_a_call_may_wait_for_one_of_another_job(executor, tmp_path):
    def blocked(number):
        if number == 40:
            wait_for(tmp_path / "written")
        return number

    (tmp_path / "written").touch()
    await executor.map(blocked, range(2000))
    (tmp_path / "written").unlink()
    async with soon(8):
        job = executor.map(blocked, range(80))
        other = executor.map((tmp_path / "written").touch, [()] * 3)
        await other
        assert await job == list(range(80))


async def test_submitted_calls_may_wait_for_each_other(executor, tmp_path):
    await executor.map(square, range(2000))
    async with soon(8):
        blocked = executor.submit(wait_for, tmp_path / "written")
        others = [executor.submit(square, number) for number in range(50)]
        writer = executor.submit((tmp_path / "written").touch)
        assert await gl.gather(*others) == [n * n for n in range(50)]
        await writer
        await blocked


@pytest.mark.parametrize("slow", range(10, 22))
async def test_a_slow_call_holds_up_no_quick_ones(executor, tmp_path, slow):
    """Nor the outcomes of those that its worker ran before it."""

    def work(number):
        if number == slow:
            hold(tmp_path / "go")
        return number

    await executor.map(square, range(2000))
    job = executor.map(work, range(200))
    others = [job[number] for number in range(200) if number != slow]
    async with soon():
        quick = [future.index async for future in gl.as_completed(others)]
    assert len(quick) == 199
    assert not job[slow].done()
    (tmp_path / "go").touch()
    assert await job == list(range(200))


async def test_coroutines_fill_all_workers():
    async with gl.AsyncExecutor(max_workers=2, worker_concurrency=10) as executor:
        await gl.gather(*(executor.submit(sleep_async, 0.05) for _ in range(20)))
        job = executor.map(sleep_async, [0.3] * 20)
        async with soon():
            await job
        assert job.stats.workers == 2
