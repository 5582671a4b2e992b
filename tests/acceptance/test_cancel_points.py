"""A program that is cancelled at any of its awaits leaves nothing behind, and never hangs."""

import asyncio
import itertools

import pytest

import greenlithops as gl
from support import leaks, suspend
from support.disasters import sleep_async, sleep_long, square

MOST = 60  #: no scenario has as many suspensions


async def numbers():
    for number in range(3):
        await asyncio.sleep(0)
        yield number


async def awaiting():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.map(square, range(3)) == [0, 1, 4]
        assert await executor.submit(square, 3) == 9


async def iterating():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert [result async for result in executor.map(square, iter(range(3)))] == [0, 1, 4]
        async for future in executor.map(square, range(2)).as_completed():
            assert future.result() == future.index**2


async def pumping():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.map(square, numbers()) == [0, 1, 4]


async def reducing():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.map_reduce(square, range(3), sum) == 5


async def waiting():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        jobs = [executor.map(square, range(2)), executor.map(sleep_async, [0.01] * 2)]
        await gl.wait(jobs)
        assert await gl.gather(*jobs) == [[0, 1], [0.01, 0.01]]
        async for future in gl.as_completed(jobs):
            assert future.done()


async def hooked():
    heard = []
    async with gl.AsyncExecutor(max_workers=1, hooks=[heard.append], energy="off") as executor:
        assert await executor.submit(square, 3) == 9


async def failing():
    try:
        async with gl.AsyncExecutor(max_workers=2) as executor:
            executor.submit(sleep_long)
            await executor.submit(square, "text")
    except TypeError:
        return


def over_at_once():
    """Return what still runs, where nothing may: what was begun is over when it has been left."""
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    return tasks or leaks.processes()


SCENARIOS = [awaiting, iterating, pumping, reducing, waiting, hooked, failing]


@pytest.mark.parametrize("scenario", SCENARIOS)
async def test_cancelled_at_every_suspension(scenario):
    snapshot = leaks.Snapshot()
    for moment in range(1, MOST):
        suspensions = await suspend.run(scenario(), moment)
        left = over_at_once() or await snapshot.settled_here()
        assert not left, f"cancelled at suspension {moment}, it left {left}"
        if suspensions is not None and suspensions < moment:
            assert suspensions >= 2
            return
    raise AssertionError("this scenario has no end")


@pytest.mark.parametrize("scenario", [awaiting, iterating, failing])
async def test_cancelled_twice_at_neighbouring_suspensions(scenario):
    """The second cancellation meets the clean-up that the first one caused."""
    snapshot = leaks.Snapshot()
    for moment in itertools.count(1):
        suspensions = await suspend.run(scenario(), moment, moment + 1)
        left = over_at_once() or await snapshot.settled_here()
        assert not left, f"cancelled at suspension {moment}, it left {left}"
        if suspensions is not None and suspensions < moment:
            return
