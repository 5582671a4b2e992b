"""Failed calls run again as their policy says, and only they."""

import os
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.errors import (
    ArgumentsNotSerializable,
    CallTimeout,
    ResultNotSerializable,
    WorkerLost,
)
from support.clock import BUSY, SOON, soon
from support.disasters import sleep_long, square

QUICK = gl.RetryPolicy(attempts=3, delay=0.01)


class Tries:
    """Counts the runs of calls in files, since each may run in another process."""

    def __init__(self, folder):
        self._folder = folder

    def __call__(self, name):
        with (self._folder / str(name)).open("a") as file:
            file.write("x")
        return (self._folder / str(name)).stat().st_size


@pytest.fixture
def tries(tmp_path):
    return Tries(tmp_path)


async def test_a_call_that_fails_twice_succeeds_at_the_third_attempt(executor, tries):
    def work(number):
        count = tries(number)
        if number % 2 and count < 3:
            raise ConnectionError(f"attempt {count}")
        return number

    job = executor.map(work, range(10), retries=QUICK)
    async with soon(5):
        assert await job == list(range(10))
    assert [job[n].stats.attempt for n in range(10)] == [1, 3] * 5
    assert job.stats.retried == job.progress.retried == 10
    assert job.stats.failed == 0


async def test_the_last_error_is_raised(executor, tries):
    def work():
        raise ConnectionError(f"attempt {tries('work')}")

    async with soon(5):
        with pytest.raises(ConnectionError, match="attempt 3"):
            await executor.options(retries=QUICK).submit(work)


async def test_a_number_means_extra_attempts(executor, tries):
    def work():
        raise ConnectionError(f"attempt {tries('work')}")

    async with soon(5):
        with pytest.raises(ConnectionError, match="attempt 2"):
            await executor.options(retries=1).submit(work)


async def test_only_errors_that_the_filter_wants_are_retried(executor, tries):
    def work(kind):
        tries(kind.__name__)
        raise kind

    policy = gl.RetryPolicy(attempts=3, delay=0.01, on=(ConnectionError, ValueError))
    job = executor.map(work, [ConnectionResetError, ValueError, KeyError], retries=policy)
    assert await job.wait(10)
    assert [tries(kind) for kind in ("ConnectionResetError", "ValueError", "KeyError")] == [4, 4, 2]
    picky = gl.RetryPolicy(attempts=5, delay=0.01, on=lambda error: "again" in str(error))
    with pytest.raises(ValueError, match="enough"):
        await executor.options(retries=picky).submit(int, "enough")


async def test_a_filter_that_raises_fails_the_call_and_nothing_else(executor):
    def filter_badly(error):
        raise ZeroDivisionError("a bad filter")

    def work(number):
        if number == 3:
            raise KeyError(number)
        return number

    policy = gl.RetryPolicy(attempts=3, delay=0.01, on=filter_badly)
    async with soon(5):
        found = await executor.map(work, range(6), retries=policy).results(return_exceptions=True)
        assert isinstance(found[3], KeyError | ZeroDivisionError)
        assert [n for n in found if isinstance(n, int)] == [0, 1, 2, 4, 5]
        assert await executor.submit(square, 4) == 16


async def test_the_budget_is_the_whole_jobs(executor, tries):
    def work(number):
        tries(number)
        raise ConnectionError

    policy = gl.RetryPolicy(attempts=10, delay=0.001, budget=7)
    job = executor.map(work, range(5), retries=policy)
    assert await job.wait(10)
    assert job.stats.retried == 7
    assert sum(tries(number) - 1 for number in range(5)) == 5 + 7


async def test_a_lost_worker_is_worth_another_attempt(executor, tries):
    def work(number):
        if number == 2 and tries(number) < 3:
            os._exit(9)
        return number

    async with soon(10):
        assert await executor.map(work, range(4), retries=QUICK) == list(range(4))

    def die():
        os._exit(9)

    with pytest.raises(WorkerLost):
        await executor.options(retries=gl.RetryPolicy(attempts=2, delay=0)).submit(die)


async def test_a_timeout_is_worth_another_attempt(executor, tries):
    def work():
        if tries("work") < 2:
            sleep_long()
        return "in time"

    async with soon(5):
        call = executor.options(timeout=0.5, retries=QUICK).submit(work)
        assert await call == "in time"
    assert call.stats.attempt == 2
    with pytest.raises(CallTimeout):
        await executor.options(timeout=0.3, retries=gl.RetryPolicy(attempts=2, delay=0)).submit(
            sleep_long
        )


async def test_what_cannot_travel_is_not_tried_again(executor, tries):
    def work():
        tries("work")
        return lambda: (yield)

    def bad():
        tries("bad")
        return (number for number in range(3))

    async with soon(5):
        with pytest.raises(ResultNotSerializable):
            await executor.options(retries=QUICK).submit(bad)
        with pytest.raises(ArgumentsNotSerializable):
            await executor.options(retries=QUICK).submit(square, threading.Lock())
    assert tries("bad") == 2


async def test_attempts_are_spaced_by_the_schedule(executor, tries):
    times = []

    def work():
        return tries("work"), time.time()

    def failing():
        raise ConnectionError(repr(work()))

    policy = gl.RetryPolicy(attempts=3, delay=0.2, factor=2, jitter=0)
    began = time.monotonic()
    with pytest.raises(ConnectionError):
        await executor.options(retries=policy).submit(failing)
    took = time.monotonic() - began
    assert 0.6 <= took < 0.6 + SOON + BUSY
    assert not times


async def test_cancelling_a_job_that_waits_to_try_again(executor):
    def work(number):
        raise ConnectionError

    policy = gl.RetryPolicy(attempts=2, delay=60, jitter=0)
    job = executor.map(work, range(4), retries=policy)
    async with soon(5):
        while job.progress.retried < 4:
            await job.wait(0.01)
        assert job.progress.waiting == 4
        assert job.cancel()
        assert job.done()
        assert job.progress.cancelled == 4


async def test_a_retried_call_has_a_log_of_each_attempt(executor, tries):
    def work():
        count = tries("work")
        print(f"attempt {count}")
        if count < 3:
            raise ConnectionError

    call = executor.options(retries=QUICK).submit(work)
    await call
    assert call.logs == "attempt 1\nattempt 2\nattempt 3\n"


async def test_the_executors_policy_is_the_default(tries):
    def work():
        if tries("work") < 2:
            raise ConnectionError

    async with gl.AsyncExecutor(max_workers=1, retries=QUICK) as executor:
        await executor.submit(work)
        with pytest.raises(ConnectionError):
            await executor.map(lambda _: (_ for _ in ()).throw(ConnectionError), [1], retries=0)
