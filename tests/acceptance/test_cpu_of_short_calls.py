"""CPU time of calls of milliseconds is what the kernel says of their thread, and nothing beside."""

import os
import statistics
import time

import pytest

import greenlithops as gl


def spin(seconds):
    stop = time.thread_time_ns() + int(seconds * 1e9)
    while time.thread_time_ns() < stop:
        pass


def against_schedstat(seconds):
    """Spin, and return the nanoseconds that the kernel booked for this thread meanwhile."""
    file = os.open("/proc/thread-self/schedstat", os.O_RDONLY)
    os.sched_yield()  # has the kernel bring the sum of the running task up to date
    before = os.pread(file, 100, 0)
    spin(seconds)
    os.sched_yield()
    after = os.pread(file, 100, 0)
    os.close(file)
    return int(after.split()[0]) - int(before.split()[0])


async def spin_async(seconds):
    spin(seconds)


#: Seconds that a call may be told beyond what it does inside: what it does before its first reading
#: and after its last, with caches that other programs have emptied.
READYING = 0.1e-3


@pytest.mark.parametrize("milliseconds", [1, 2, 5, 10, 20, 50])
async def test_cpu_time_of_short_calls_is_schedstats(executor, milliseconds):
    job = executor.map(against_schedstat, [milliseconds / 1e3] * 40)
    inside = [value / 1e9 for value in await job]
    booked = [future.stats.cpu_seconds for future in job.futures]
    overhead = sorted(a - b for a, b in zip(booked, inside, strict=True))
    # What the worker does beside its calls is known up to its last rest, so it may be that the one
    # call has some of it that the next one is spared.
    assert overhead[2] >= -0.005 * milliseconds / 1e3 - 0.1e-3
    assert abs(statistics.median(overhead)) <= 0.01 * milliseconds / 1e3 + READYING


async def test_what_coroutines_use_beside_a_call_is_not_the_calls():
    async with gl.AsyncExecutor(max_workers=1, worker_concurrency=2) as executor:
        await executor.submit(spin_async, 0.001)  # there is a loop in the worker
        beside = executor.map(spin_async, [0.1] * 4)
        job = executor.map(against_schedstat, [0.1] * 3)
        inside = await job
        await beside
        for future, used in zip(job.futures, inside, strict=True):
            assert future.stats.cpu_seconds == pytest.approx(used / 1e9, abs=0.02)
        total = sum(future.stats.cpu_seconds for future in (*job.futures, *beside.futures))
        assert total == pytest.approx(0.7, abs=0.1)
