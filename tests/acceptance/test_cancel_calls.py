"""Cancelling a job, a future, or the task that waits for one: it ends, and only it."""

import asyncio
import os

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled
from support.clock import eventually, soon
from support.disasters import hold_the_lock, sleep_long, spin, square, wait_for


@pytest.fixture
async def busy():
    """An executor whose only worker is busy, and the call that keeps it so."""
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(square, 1)
        blocker = executor.submit(sleep_long)
        await eventually(lambda: blocker.state is gl.CallState.SENT)
        yield executor, blocker
        blocker.cancel()


@pytest.mark.parametrize("function", [sleep_long, spin, hold_the_lock])
async def test_a_running_call_is_stopped(executor, function):
    call = executor.submit(function)
    others = executor.map(square, range(100))
    await others
    await asyncio.sleep(0.2)
    async with soon():
        assert call.cancel()
        assert call.cancelled()
        assert not call.cancel()
        with pytest.raises(CallCancelled):
            await call
        assert await executor.map(square, range(100)) == await others


@pytest.mark.parametrize("function", [sleep_long, spin, hold_the_lock])
async def test_the_worker_of_a_cancelled_call_is_free_again(function):
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(square, 1)
        call = executor.submit(function)
        await asyncio.sleep(0.2)
        call.cancel()
        async with soon():
            assert await executor.submit(square, 4) == 16


async def test_a_running_coroutine_is_stopped_and_its_neighbours_are_not(tmp_path):
    async def work(number):
        (tmp_path / f"{number} runs").touch()
        try:
            await wait_for(tmp_path / "go")
            return number, os.getpid()
        except asyncio.CancelledError:
            (tmp_path / f"{number} cancelled").touch()
            raise

    def left(word):
        return {int(path.name.split()[0]) for path in tmp_path.glob(f"* {word}")}

    async with gl.AsyncExecutor(max_workers=1) as executor:
        job = executor.map(work, range(10))
        await eventually(lambda: left("runs") == set(range(10)))
        async with soon():
            job[3].cancel()
            job[7].cancel()
            await eventually(lambda: left("cancelled") == {3, 7})
            (tmp_path / "go").touch()
            found = await job.results(return_exceptions=True)
        assert [type(found[n]) for n in (3, 7)] == [CallCancelled] * 2
        rest = [found[n] for n in range(10) if n not in (3, 7)]
        assert [number for number, _ in rest] == [0, 1, 2, 4, 5, 6, 8, 9]
        assert len({pid for _, pid in rest}) == 1


async def test_a_waiting_call_is_never_run(busy, tmp_path):
    executor, blocker = busy
    call = executor.submit((tmp_path / "ran").touch)
    await asyncio.sleep(0.05)
    assert call.cancel()
    blocker.cancel()
    assert await executor.submit(square, 4) == 16
    assert not (tmp_path / "ran").exists()
    with pytest.raises(CallCancelled):
        call.result()


@pytest.mark.parametrize("index", [0, 5, 1999])
async def test_a_call_of_a_map_that_was_not_even_taken_is_cancelled(busy, tmp_path, index):
    executor, blocker = busy

    def work(number):
        (tmp_path / str(number)).touch()
        return number

    job = executor.map(work, range(2000))
    assert job[index].cancel()
    assert job[index].cancelled()
    blocker.cancel()
    async with soon(10):
        found = await job.results(return_exceptions=True)
    assert type(found.pop(index)) is CallCancelled
    assert found == [n for n in range(2000) if n != index]
    assert not (tmp_path / str(index)).exists()


async def test_a_call_that_has_ended_cannot_be_cancelled(executor):
    call = executor.submit(square, 3)
    assert await call == 9
    assert not call.cancel()
    assert call.result() == 9
    job = executor.map(square, range(3))
    await job
    assert not job.cancel()
    assert await job == [0, 1, 4]


async def test_a_job_that_waits_is_cancelled_whole(busy):
    executor, _ = busy
    job = executor.map(square, range(1000))
    last = job[999]

    async def wait():
        return await last

    waiter = asyncio.create_task(wait())
    await asyncio.sleep(0.05)
    async with soon():
        assert job.cancel()
        with pytest.raises(CallCancelled):
            await job
        with pytest.raises(CallCancelled):
            await waiter
        assert last.cancelled()
        assert last.done()
        found = await job.results(return_exceptions=True)
    assert [type(error) for error in found] == [CallCancelled] * 1000
    assert job.progress.cancelled == 1000
    assert job.progress.fraction == 1.0
    assert len(job) == 1000


async def test_a_job_cancelled_before_anything_ran_gives_no_empty_result(executor):
    job = executor.map(square, range(10))
    job.cancel()
    async with soon():
        with pytest.raises(CallCancelled):
            await job
        with pytest.raises(CallCancelled):
            await job[3]


async def test_a_half_done_job_keeps_what_it_has(executor):
    def work(number):
        if number >= 20:
            sleep_long()
        return number * number

    job = executor.map(work, range(1000))
    async with soon(10):
        for number in range(20):
            assert await job[number] == number**2
    await asyncio.sleep(0.1)
    async with soon():
        assert job.cancel()
        assert job.done()
        assert [job[number].result() for number in range(20)] == [n * n for n in range(20)]
        with pytest.raises(CallCancelled):
            await job
        assert await executor.map(square, range(50)) == [n * n for n in range(50)]
        found = []
        with pytest.raises(CallCancelled):  # noqa: PT012 - the loop raises
            async for result in job:
                found.append(result)  # noqa: PERF401 - what came before the error counts
    assert found == [n * n for n in range(20)]


async def cancelled_wait(awaitable):
    """Wait in a task, cancel it, return when it has ended."""

    async def wait():
        return await awaitable

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.2)
    task.cancel()
    async with soon():
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_cancelling_the_task_that_awaits_cancels_the_job(executor):
    job = executor.map(sleep_long, [60] * 4)
    await cancelled_wait(job)
    assert job.done()
    assert job[0].cancelled()


async def test_cancelling_the_task_that_awaits_cancels_the_call(executor):
    call = executor.submit(sleep_long)
    await cancelled_wait(call)
    assert call.cancelled()


async def test_cancelling_the_task_that_iterates_cancels_the_job(executor):
    job = executor.map(sleep_long, [60] * 4)

    async def iterate():
        return [result async for result in job]

    await cancelled_wait(iterate())
    assert job.done()


async def test_cancelling_the_task_that_takes_as_completed_cancels_the_job(executor):
    job = executor.map(sleep_long, [60] * 4)

    async def iterate():
        return [future async for future in job.as_completed()]

    await cancelled_wait(iterate())
    assert job.done()
    job.cancel()


async def test_a_timeout_of_a_wait_cancels_the_call(executor):
    call = executor.submit(sleep_long)
    async with soon():
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(call, 0.3)
    assert call.cancelled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await executor.map(sleep_long, [60] * 3)
    assert await executor.submit(square, 5) == 25


async def test_shield_keeps_the_call_running(executor, tmp_path):
    call = executor.submit(wait_for, tmp_path / "go")

    async def wait():
        return await call

    inner = asyncio.ensure_future(wait())
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(inner), 0.05)
    assert not call.cancelled()
    (tmp_path / "go").touch()
    assert await call is None
    await inner


async def test_cancelling_one_job_leaves_the_other_alone(executor):
    doomed = executor.map(sleep_long, [60] * 20)
    other = executor.map(square, range(500))
    await asyncio.sleep(0.1)
    doomed.cancel()
    async with soon(5):
        assert await other == [n * n for n in range(500)]


async def test_cancelling_calls_of_a_shared_batch_one_by_one():
    async with gl.AsyncExecutor(max_workers=2) as executor:
        await executor.map(square, range(2000))
        job = executor.map(square, range(5000))
        doomed = set(range(0, 5000, 7))
        cancelled = {index for index in doomed if job[index].cancel()}
        async with soon(10):
            found = await job.results(return_exceptions=True)
        for index, result in enumerate(found):
            if index in cancelled:
                assert isinstance(result, CallCancelled)
            else:
                assert result == index * index
        assert cancelled == doomed


async def test_a_storm_of_cancellations_leaves_the_executor_usable(executor):
    for _ in range(15):
        jobs = [executor.map(sleep_long, [60] * 3), executor.map(square, range(100))]
        await asyncio.sleep(0.01)
        for job in jobs:
            job.cancel()
    async with soon(5):
        assert await executor.map(square, range(100)) == [n * n for n in range(100)]
