"""A thousand executors, a hundred thousand calls: nothing grows."""

import asyncio
import gc
import os
import resource
import weakref
from pathlib import Path

import greenlithops as gl
from support.clock import soon
from support.disasters import square
from support.leaks import Snapshot


def resident():
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


async def one(number):
    async with gl.AsyncExecutor(max_workers=2) as executor:
        if number % 25 == 0:
            assert await executor.submit(square, number) == number**2


async def test_a_thousand_executors_leave_nothing_behind():
    for number in range(50):
        await one(number)
    snapshot, before = Snapshot(), resident()
    async with soon(60):
        for number in range(1000):
            await one(number)
    assert not await snapshot.settled_here()
    assert resident() - before < max(before // 10, 8 << 20)


async def test_a_closed_executor_leaves_no_timer():
    loop = asyncio.get_running_loop()
    await one(0)
    await asyncio.sleep(1.5)  # longer than a worker may take to end
    timers = [handle for handle in loop._scheduled if not handle.cancelled()]
    ours = [h for h in timers if "greenlithops" in str(getattr(h._callback, "__module__", ""))]
    assert ours == []


async def test_a_hundred_thousand_calls_leave_nothing_behind(executor):
    assert len(await executor.map(square, range(20_000))) == 20_000
    before, worker_before = resident(), await executor.submit(resident)
    snapshot = Snapshot()
    pids = set(await executor.map(pid, range(100)))
    for _ in range(5):
        async with soon(20):
            assert sum(await executor.map(square, range(20_000))) == 2666466670000
    assert set(await executor.map(pid, range(100))) <= pids | set(await executor.map(pid, range(9)))
    assert not await snapshot.settled_here()
    assert resident() - before < before // 10
    assert await executor.submit(resident) - worker_before < worker_before // 10


def pid(_):
    return os.getpid()


async def test_ten_thousand_submitted_calls_leave_nothing_behind(executor):
    calls = [executor.submit(square, number) for number in range(2_000)]
    assert [await call for call in calls] == [n * n for n in range(2_000)]
    del calls
    before = resident()
    for _ in range(4):
        calls = [executor.submit(square, number) for number in range(2_000)]
        async with soon(20):
            assert [await call for call in calls] == [n * n for n in range(2_000)]
        del calls
    assert resident() - before < before // 10
    assert executor.jobs == []


async def test_finished_jobs_are_let_go(executor):
    job = executor.map(square, range(100))
    await job
    last = weakref.ref(job)
    del job
    gc.collect()
    assert last() is None
