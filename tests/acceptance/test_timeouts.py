"""Timeouts hold per call, on time, for functions and coroutines, whatever else the worker did."""

import asyncio
import time

import pytest

import greenlithops as gl
from greenlithops.errors import CallTimeout, UsageError
from support.clock import soon
from support.disasters import block_the_loop, hold, sleep_async, sleep_long, spin, square


@pytest.fixture
async def single():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(square, 1)
        yield executor
        for job in executor.jobs:
            job.cancel()


@pytest.mark.parametrize("function", [sleep_long, sleep_async])
async def test_a_call_runs_no_longer_than_its_timeout(single, function):
    began = time.monotonic()
    async with soon():
        with pytest.raises(
            CallTimeout, match=r"call 0 of .* ran longer than its timeout of 0\.3 s"
        ):
            await single.options(timeout=0.3).submit(function, 60)
    assert time.monotonic() - began >= 0.3
    assert await single.submit(square, 3) == 9


async def test_calls_that_are_quick_enough_are_left_alone(executor):
    job = executor.map(sleep_long, [0.05] * 20, timeout=20)
    async with soon(5):
        assert await job == [None] * 20


async def test_waiting_for_a_worker_does_not_count(single):
    """Eight calls of 0.3 s on one worker take 2.4 s: none of them is late."""
    async with soon():
        assert await single.map(sleep_long, [0.3] * 8, timeout=2) == [None] * 8


async def test_only_late_calls_of_a_job_fail(executor):
    def work(number):
        sleep_long(60 if number in {3, 11} else 0.01)
        return number

    async with soon(10):
        found = await executor.map(work, range(20), timeout=1.5).results(return_exceptions=True)
    late = {number for number, result in enumerate(found) if isinstance(result, CallTimeout)}
    assert late == {3, 11}
    assert [n for n in range(20) if n not in late] == [n for n in found if isinstance(n, int)]


async def test_a_short_timeout_holds_on_a_worker_that_had_a_long_one(single):
    await single.map(square, range(10), timeout=60)
    async with soon():
        with pytest.raises(CallTimeout):
            await single.options(timeout=0.3).submit(spin)


async def test_a_timeout_holds_in_a_batch_of_quick_calls(single):
    await single.map(square, range(2000))

    def work(number):
        if number == 500:
            spin()
        return number

    await single.map(work, range(400), timeout=1.5)
    async with soon():
        found = await single.map(work, range(1000), timeout=1.5).results(return_exceptions=True)
    assert isinstance(found[500], CallTimeout)
    assert [n for n in range(1000) if n != 500 and found[n] != n] == []


async def test_the_executors_timeout_is_the_default():
    async with gl.AsyncExecutor(max_workers=1, timeout=0.3) as executor:
        async with soon():
            with pytest.raises(CallTimeout):
                await executor.submit(spin)
        assert await executor.map(sleep_long, [0.6], timeout=20) == [None]


async def test_many_coroutines_time_out_each_by_itself(single):
    async with soon():
        found = await single.map(sleep_async, [0.01, 60, 0.02, 60, 0.03] * 10, timeout=1.5).results(
            return_exceptions=True
        )
    assert sum(isinstance(result, CallTimeout) for result in found) == 20
    assert [result for result in found if isinstance(result, float)] == [0.01, 0.02, 0.03] * 10


async def test_a_timeout_that_a_coroutine_raises_itself_is_its_own(single):
    async def work():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(5)

    with pytest.raises(TimeoutError) as caught:
        await single.options(timeout=60).submit(work)
    assert not isinstance(caught.value, CallTimeout)


async def test_coroutines_beside_one_that_blocks_get_their_results(single):
    """The blocking one is killed with its worker; the others are innocent."""
    quick = single.map(sleep_async, [0.02] * 5)
    await quick
    slow = single.map(sleep_async, [1.0] * 5)
    blocking = single.options(timeout=0.3).submit(block_the_loop)
    async with soon(8):
        with pytest.raises(CallTimeout):
            await blocking
        assert await slow == [1.0] * 5


async def test_wait_has_a_timeout_that_stops_nothing(single, tmp_path):
    call = single.submit(hold, tmp_path / "go")
    assert await call.job.wait(timeout=0.1) is False
    done, pending = await gl.wait([call], timeout=0.1)
    assert (done, pending) == (set(), {call})
    (tmp_path / "go").touch()
    assert await call == "go"


@pytest.mark.parametrize("timeout", [0, -1, float("nan")])
def test_a_timeout_is_positive(timeout):
    with pytest.raises(UsageError):
        gl.AsyncExecutor(timeout=timeout)
