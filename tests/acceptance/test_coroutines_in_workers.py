"""async def functions: many at a time in one worker, each with its own time, output and context."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import contextvars
import functools
import os
import time

import pytest

import greenlithops as gl
from support.clock import soon
from support.disasters import sleep_async, sleep_long, square


@pytest.fixture
async def single():
    async with gl.AsyncExecutor(max_workers=1, worker_concurrency=100) as executor:
        await executor.submit(sleep_async, 0)
        yield executor
        for job in executor.jobs:
            job.cancel()


async def test_a_hundred_coroutines_run_at_a_time(single, tmp_path):
    """Each waits until a hundred have begun; those beyond begin as others end."""
    began = tmp_path / "began"

    async def work(number):
        with began.open("ab") as file:
            file.write(b".")
        while began.stat().st_size < 100:  # noqa: ASYNC110 - as `wait_for` does
            await asyncio.sleep(0.005)
        return number

    async with soon():
        assert await single.map(work, range(500)) == list(range(500))


async def test_no_more_run_at_a_time_than_asked_for():
    class Gauge:
        now = most = 0

    async def work(_):
        import builtins

        gauge = builtins.__dict__.setdefault("gauge", Gauge)
        gauge.now += 1
        gauge.most = max(gauge.most, gauge.now)
        await asyncio.sleep(0.02)
        gauge.now -= 1
        return gauge.most

    async with gl.AsyncExecutor(max_workers=1, worker_concurrency=7) as executor:
        assert max(await executor.map(work, range(60))) == 7


async def test_each_coroutine_has_its_own_cpu_time(single):
    async def work(busy):
        for _ in range(round(busy / 0.01)):
            end = time.thread_time() + 0.01
            while time.thread_time() < end:
                pass
            await asyncio.sleep(0)
        await asyncio.sleep(0.3)

    job = single.map(work, [0.2, 0.0, 0.1, 0.0])
    await job
    cpu = [job[n].stats.cpu_seconds for n in range(4)]
    assert 0.2 <= cpu[0] < 0.3
    assert 0.1 <= cpu[2] < 0.2
    assert cpu[1] < 0.05
    assert cpu[3] < 0.05
    assert min(job[n].stats.wall_seconds for n in range(4)) >= 0.3


async def test_tasks_of_a_coroutine_count_as_its_own(single):
    async def burn():
        end = time.thread_time() + 0.05
        while time.thread_time() < end:
            pass

    async def work():
        await asyncio.gather(burn(), asyncio.create_task(burn()))
        async with asyncio.TaskGroup() as group:
            group.create_task(burn())

    call, idle = single.submit(work), single.submit(sleep_async, 0.2)
    await call
    await idle
    assert 0.13 < call.stats.cpu_seconds < 0.3
    assert idle.stats.cpu_seconds < 0.05


async def test_context_variables_are_kept_apart(single):
    # A context variable cannot be pickled, so each call makes it where it runs.
    async def work(value):
        import builtins

        var = builtins.__dict__.setdefault("variable", contextvars.ContextVar("var", default=None))
        found = var.get()
        var.set(value)
        await asyncio.sleep(0.05)
        return found, var.get()

    assert await single.map(work, range(50)) == [(None, n) for n in range(50)]


async def test_output_is_kept_apart(single):
    async def inner(number):
        print(f"inner {number}")

    async def work(number):
        print(f"first {number}")
        await asyncio.sleep(0.02 * (number % 3))
        await asyncio.create_task(inner(number))
        await asyncio.to_thread(print, f"thread {number}")
        print(f"last {number}")

    job = single.map(work, range(30))
    await job
    for number in range(30):
        expected = [f"first {number}", f"inner {number}", f"thread {number}", f"last {number}"]
        assert job[number].logs.splitlines() == expected


async def test_cancellation_inside_is_their_own_business(single):
    async def work():
        task = asyncio.create_task(asyncio.sleep(60))
        await asyncio.sleep(0)
        task.cancel()
        try:
            await task
        except asyncio.CancelledError:
            return "cancelled it myself"

    async def given_up():
        async with asyncio.timeout(0.01):
            await asyncio.sleep(60)

    async def grouped():
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            raise LookupError("in the group")

    async with soon():
        assert await single.submit(work) == "cancelled it myself"
        with pytest.raises(TimeoutError):
            await single.submit(given_up)
        with pytest.raises(ExceptionGroup) as caught:
            await single.submit(grouped)
    assert type(caught.value.exceptions[0]) is LookupError


async def wait_for_environment(seconds):
    await asyncio.sleep(seconds)
    return os.environ.get("GL_ASYNC")


async def test_extra_env_lasts_as_long_as_each_coroutine(single):
    """Calls with the same variables overlap; the first that ends may not take them away."""
    async with soon(8):
        job = single.map(wait_for_environment, [0.02, 0.1, 0.3, 0.05], extra_env={"GL_ASYNC": "on"})
        assert await job == ["on"] * 4
        assert await single.submit(wait_for_environment, 0) is None
        assert await single.submit(os.environ.get, "GL_ASYNC") is None


async def test_different_environments_take_turns(single):
    async with soon(8):
        jobs = [
            single.map(wait_for_environment, [0.05] * 5, extra_env={"GL_ASYNC": value})
            for value in "abc"
        ]
        assert [await job for job in jobs] == [[value] * 5 for value in "abc"]
        assert await single.submit(wait_for_environment, 0) is None


async def test_a_timeout_does_not_count_while_another_environment_runs(single):
    """A coroutine that waits for its environment has not started, and cannot be late."""
    async with soon(15):
        long = single.map(wait_for_environment, [2.5] * 2, extra_env={"GL_ASYNC": "long"})
        await asyncio.sleep(0.3)
        brief = single.map(
            wait_for_environment, [0.01] * 2, extra_env={"GL_ASYNC": "brief"}, timeout=1.5
        )
        assert await brief == ["brief"] * 2
        assert await long == ["long"] * 2
        assert long[0].stats.attempt == 1


class Machine:
    """A callable of the user's own, and a method."""

    async def __call__(self, number):
        await asyncio.sleep(0)
        return number + 1

    async def method(self, number):
        await asyncio.sleep(0)
        return number + 2


async def add(left, right, *, more=0):
    await asyncio.sleep(0)
    return left + right + more


async def test_every_kind_of_coroutine_function(single):
    async with soon(5):
        assert await single.submit(Machine(), 1) == 2
        assert await single.submit(Machine().method, 1) == 3
        assert await single.submit(functools.partial(add, 1, more=5), 3) == 9
        assert await single.map(add, [(1, 2), {"left": 3, "right": 4, "more": 1}]) == [3, 8]
        assert await single.submit(lambda number: add(number, 1), 4) == 5


async def test_functions_and_coroutines_share_a_worker(single):
    slow = single.map(sleep_async, [0.3] * 50)
    async with soon(5):
        assert await single.map(square, range(100)) == [n * n for n in range(100)]
        assert await slow == [0.3] * 50


async def test_coroutines_follow_a_function_that_keeps_their_worker_busy():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(sleep_async, 0)
        busy = executor.submit(sleep_long, 0.3)
        await asyncio.sleep(0.05)
        async with soon():
            assert await executor.map(sleep_async, [0.01] * 10) == [0.01] * 10
            await busy


_gates = {}


async def _end_in_turn(number):
    """End as 5, which is sent at once, then 1, 0 and 3 in the same turn of the loop."""
    if number < 6:
        _gates[number] = asyncio.get_running_loop().create_future()
        await _gates[number]
        return number
    while len(_gates) < 6:  # noqa: ASYNC110 - they begin in other turns of the same loop
        await asyncio.sleep(0)
    for together in ((5, 1, 0, 3), (2, 4)):
        for other in together:
            _gates[other].set_result(None)
        await asyncio.sleep(0.05)
    return number


async def test_results_that_come_together_out_of_order_are_each_calls_own(single):
    await single.map(sleep_async, [0.0] * 7)
    async with soon(5):
        assert await single.map(_end_in_turn, range(7)) == list(range(7))
