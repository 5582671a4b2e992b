"""Hooks are told everything, in order, in a thread of their own, and cannot do harm."""

import logging
import os
import threading
import time

import pytest

import greenlithops as gl
from greenlithops import EventKind
from support.clock import soon
from support.disasters import hold, square


async def hear(*hooks, **options):
    heard = []
    executor = gl.AsyncExecutor(max_workers=1, hooks=[heard.append, *hooks], **options)
    return executor, heard


async def test_every_event_in_order(tmp_path):
    def go_on(event):
        if event.kind is EventKind.CALL_PRINTED and event.index == 2:
            (tmp_path / "go").touch()

    executor, heard = await hear(go_on)

    def work(number):
        print("at work")
        if number == 1:
            raise KeyError(number)
        if number == 2:
            hold(tmp_path / "go")

    async with executor:
        job = executor.map(
            work,
            range(3),
            live_logs=True,
            retries=gl.RetryPolicy(attempts=2, delay=0.01),
        )
        await job.wait()
    kinds = [event.kind for event in heard]
    assert kinds.count(EventKind.JOB_STARTED) == 1
    assert kinds.count(EventKind.JOB_FINISHED) == 1
    assert kinds.count(EventKind.WORKER_STARTED) == 1
    assert kinds.count(EventKind.WORKER_ENDED) == 1
    assert kinds.count(EventKind.CALL_FINISHED) == 3
    assert kinds.count(EventKind.CALL_RETRIED) == 1
    assert kinds.count(EventKind.CALL_PRINTED) >= 1
    begun = {EventKind.JOB_STARTED, EventKind.WORKER_STARTED}
    assert kinds[0] in begun  # the first worker starts before the job, and is ready when it is
    assert kinds.index(EventKind.JOB_STARTED) < kinds.index(EventKind.CALL_FINISHED)
    assert kinds[-1] is EventKind.WORKER_ENDED
    assert kinds.index(EventKind.JOB_FINISHED) > kinds.index(EventKind.CALL_FINISHED)
    assert [event.time for event in heard] == sorted(event.time for event in heard)
    finished = {event.index: event for event in heard if event.kind is EventKind.CALL_FINISHED}
    assert set(finished) == {0, 1, 2}
    assert finished[0].error is None
    assert isinstance(finished[1].error, KeyError)
    assert finished[1].stats.attempt == 2
    assert {event.job_id for event in finished.values()} == {job.id}
    assert finished[2].stats.wall_seconds > 0
    retried = next(event for event in heard if event.kind is EventKind.CALL_RETRIED)
    assert (retried.index, type(retried.error)) == (1, KeyError)
    printed = [event for event in heard if event.kind is EventKind.CALL_PRINTED]
    assert "at work" in "".join(event.text for event in printed if event.index == 2)
    worker = next(event for event in heard if event.kind is EventKind.WORKER_STARTED).worker
    assert finished[0].worker == worker


async def test_the_loss_of_a_worker_is_told():
    executor, heard = await hear()
    async with executor:
        with pytest.raises(gl.errors.WorkerLost if hasattr(gl, "errors") else RuntimeError):
            await executor.submit(os._exit, 3)
        await executor.submit(square, 2)
    kinds = [event.kind for event in heard]
    assert kinds.count(EventKind.WORKER_STARTED) == 2
    assert kinds.count(EventKind.WORKER_ENDED) == 2


async def test_a_cancelled_call_is_told_as_finished():
    executor, heard = await hear()
    async with executor:
        job = executor.map(time.monotonic.__class__, [])
        await job
        call = executor.submit(square, 2)
        call.cancel()
    finished = [event for event in heard if event.kind is EventKind.CALL_FINISHED]
    assert len(finished) == 1
    assert finished[0].error is None


async def test_a_hook_that_raises_is_logged_and_called_again(caplog):
    calls = []

    def bad(event):
        calls.append(event)
        raise ValueError("a bad hook")

    executor, heard = await hear(bad)
    with caplog.at_level(logging.ERROR):
        async with executor:
            assert await executor.map(square, range(5)) == [n * n for n in range(5)]
    assert len(calls) == len(heard) >= 8
    assert "a bad hook" in caplog.text


async def test_a_hook_that_exits_is_no_end(caplog):
    def bad(event):
        raise SystemExit

    executor, heard = await hear(bad)
    async with soon(4), executor:
        await executor.map(square, range(5))
    assert heard[-1].kind is EventKind.WORKER_ENDED


async def test_a_slow_hook_holds_up_nobody():
    seen = []

    def slow(event):
        time.sleep(0.01)
        seen.append(threading.current_thread())

    executor, heard = await hear(slow)
    async with executor, soon():
        assert await executor.map(square, range(100)) == [n * n for n in range(100)]
    assert len(seen) == len(heard) == 104
    assert set(seen) != {threading.main_thread()}
    assert len(set(seen)) == 1


async def test_hooks_and_inputs_of_many_jobs():
    executor, heard = await hear()
    async with executor:
        jobs = [executor.map(square, range(50)) for _ in range(10)]
        for job in jobs:
            await job
    for job in jobs:
        mine = [event.kind for event in heard if event.job_id == job.id]
        assert mine[0] is EventKind.JOB_STARTED
        assert mine[-1] is EventKind.JOB_FINISHED
        assert mine.count(EventKind.CALL_FINISHED) == 50
