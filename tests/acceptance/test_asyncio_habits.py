"""What programs expect that know asyncio: callbacks with their context, wait, errors at once."""

import asyncio
import contextvars
import os
import time

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, UsageError, WorkerLost
from support.clock import eventually, soon
from support.disasters import square

request = contextvars.ContextVar("request", default="none")


async def test_a_callback_has_the_context_in_which_it_was_added(executor):
    seen = []

    def note(future):
        seen.append((future.result(), request.get()))

    future = executor.submit(square, 3)
    given = contextvars.copy_context()
    given.run(request.set, "given")
    request.set("current")
    future.add_done_callback(note)
    future.add_done_callback(note, context=given)
    request.set("later")
    await future
    await eventually(lambda: len(seen) == 2)
    assert seen == [(9, "current"), (9, "given")]


async def test_a_callback_can_be_taken_back(executor):
    seen = []
    future = executor.submit(square, 3)
    for _ in range(2):
        future.add_done_callback(seen.append)
    assert future.remove_done_callback(seen.append) == 2
    assert future.remove_done_callback(seen.append) == 0
    future.add_done_callback(lambda _: seen.append("other"))
    await future
    await eventually(lambda: seen)
    assert seen == ["other"]


async def test_asyncio_waits_for_futures(executor):
    futures = [executor.submit(square, n) for n in range(5)]
    async with soon():
        done, pending = await asyncio.wait(futures)
    assert (done, pending) == (set(futures), set())


async def test_whoever_iterates_is_told_that_the_input_was_cut(executor):
    async def endless():
        while True:
            yield 2
            await asyncio.sleep(0.01)

    job = executor.map(square, endless())

    async def consume():
        return [result async for result in job]

    consumer = asyncio.create_task(consume())
    await eventually(lambda: job.progress.done)
    job.cancel()
    with pytest.raises(CallCancelled):
        async with soon():
            await consumer


def burn(seconds):
    """Use the processor; return what for."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass
    return seconds


class Heavy:
    """Takes a while to unpickle."""

    def __reduce__(self):
        return burn, (0.1,)


async def test_the_energy_of_a_call_is_over_the_time_that_its_processor_time_took(executor):
    future = executor.submit(abs, Heavy())
    assert await future == 0.1
    assert future.energy.cpu_s >= 0.1
    assert future.energy.window_s >= 0.1
    assert future.stats.wall_seconds < future.energy.window_s


def fail_after(seconds):
    """Raise, when that has been used."""
    burn(seconds)
    raise ValueError


async def test_a_job_counts_the_time_of_failed_attempts(executor):
    job = executor.map(fail_after, [0.05], retries=gl.RetryPolicy(attempts=3, delay=0))
    await job.results(return_exceptions=True)
    assert job.stats.cpu_seconds >= 0.15
    assert job.stats.retried == 2


async def test_a_working_directory_that_was_removed_is_told(executor, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tmp_path.rmdir()
    for call in (lambda: executor.map(square, [1]), lambda: executor.submit(square, 1)):
        with pytest.raises(UsageError, match="has been removed"):
            call()


async def asynchronous(_):
    """Not be a hook."""


@pytest.mark.parametrize(
    "make",
    [
        lambda: gl.AsyncExecutor(hooks=[asynchronous]),
        lambda: gl.AsyncExecutor(initializer=square, initargs=7),
        lambda: gl.RetryPolicy(on="ValueError"),
        lambda: gl.RetryPolicy(on=[ValueError]),
        lambda: gl.RetryPolicy(on=int),
    ],
    ids=["hook", "initargs", "text", "list", "type"],
)
def test_what_can_never_work_is_refused_at_once(make):
    with pytest.raises(UsageError):
        make()


async def test_gather_says_what_it_needs():
    with pytest.raises(UsageError, match="int"):
        await gl.gather(3)


async def test_how_workers_ended_that_never_began_is_told():
    with pytest.raises(WorkerLost, match="exited with status 2"):
        async with gl.AsyncExecutor(max_workers=1, initializer=os._exit, initargs=(2,)) as workers:
            await workers.map(square, [1])
