import asyncio
import contextvars
import threading
import time
import traceback

import pytest

from greenlithops.errors import ExecutorClosed, UsageError
from greenlithops.sync.frames import FULL, trimmed
from greenlithops.sync.loop import BackgroundLoop, _Crossing, background
from support.clock import BUSY

VALUE = contextvars.ContextVar("VALUE", default="unset")


@pytest.fixture
def loop():
    loop = BackgroundLoop()
    yield loop
    loop.close()


async def double(x):
    await asyncio.sleep(0)
    return 2 * x


def test_a_coroutine_function_is_awaited_and_a_plain_one_called():
    assert background().call(double, 4) == 8
    assert background().call(lambda x: x + 1, 4) == 5


def test_errors_come_back_as_they_are():
    async def fail():
        raise KeyError("k")

    with pytest.raises(KeyError, match="k"):
        background().call(fail)


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
def test_what_ends_programs_does_not_end_the_loop(kind):
    async def leave():
        await asyncio.sleep(0)
        raise kind(3)

    def leave_at_once():
        raise kind(3)

    for function in (leave, leave_at_once):
        with pytest.raises(kind):
            background().call(function)
    assert background().call(double, 1) == 2


def test_the_loop_cannot_wait_for_itself():
    async def inside():
        return background().call(double, 1)

    with pytest.raises(UsageError, match="event loop from within"):
        background().call(inside)


def test_an_interruption_cancels_the_work_and_waits_for_its_cleanup(loop, monkeypatch):
    cleaned = []
    begun = threading.Event()

    async def work():
        begun.set()
        try:
            await asyncio.sleep(10)
        finally:
            await asyncio.sleep(0.05)
            cleaned.append(True)

    class Interrupted(Exception):
        pass

    wait = _Crossing.wait

    def interrupted_wait(self):
        monkeypatch.setattr(_Crossing, "wait", wait)
        assert begun.wait(5)
        raise Interrupted

    monkeypatch.setattr(_Crossing, "wait", interrupted_wait)
    with pytest.raises(Interrupted):
        loop.call(work)
    assert cleaned == [True]


def test_the_callers_context_flows_in_and_not_out():
    async def read_and_set():
        before = VALUE.get()
        VALUE.set("inside")
        return before

    VALUE.set("outside")
    assert background().call(read_and_set) == "outside"
    assert VALUE.get() == "outside"


def test_many_threads_call_at_once():
    results = []

    def call(x):
        results.append(background().call(double, x))

    threads = [threading.Thread(target=call, args=(x,)) for x in range(200)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == [2 * x for x in range(200)]


def test_closing_ends_the_thread_and_what_runs_and_may_be_repeated():
    loop = BackgroundLoop()
    loop.call(double, 1)
    ended = []

    async def endless():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            ended.append(True)
            raise

    def waiting_call():
        try:
            loop.call(endless)
        except ExecutorClosed:
            ended.append("told")

    thread = threading.Thread(target=waiting_call)
    thread.start()
    time.sleep(0.05)
    loop.close()
    loop.close()
    thread.join(BUSY)
    assert ended == [True, "told"]
    assert not loop._thread.is_alive()
    with pytest.raises(ExecutorClosed):
        loop.call(double, 1)


def test_closing_what_was_never_started_is_nothing():
    BackgroundLoop().close()


def _raise_from_deep(error):
    raise error


def test_our_frames_are_trimmed_from_expected_errors_only(monkeypatch):
    def frames(error):
        try:
            background().call(_raise_from_deep, error)
        except (ValueError, UsageError) as raised:
            return [frame.name for frame in traceback.extract_tb(raised.__traceback__)]

    noted = ValueError("theirs")
    noted.add_note("Raised in a worker")
    assert frames(noted) == ["frames", "call", "call_anyway", "_raise_from_deep"]
    assert frames(UsageError("ours")) == ["frames", "call", "call_anyway", "_raise_from_deep"]
    assert "start" in frames(ValueError("a fault of ours"))
    monkeypatch.setenv(FULL, "1")
    assert "start" in frames(UsageError("ours"))
    assert trimmed(noted) is noted
