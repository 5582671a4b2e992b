"""Running ``async def`` calls: many in flight in a loop, each with its own CPU time and output."""

from __future__ import annotations

import asyncio
import collections
import contextvars
import functools
import logging
import os
import pickle
import threading
import time
from collections.abc import Callable, Coroutine, Generator
from contextlib import ExitStack

from greenlithops.worker.calls import LONG_NS, Function, Runner, environment
from greenlithops.worker.errors import pack_error
from greenlithops.worker.outbox import CANCELLED, DONE, RAISED, TIMED_OUT, UNREADABLE
from greenlithops.worker.pickling import unpack

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

    Item = tuple[int, int, Function, bytes, list[Any]]  #: batch, position, function, arguments

    from greenlithops.worker.capture import CallLog, Capture
    from greenlithops.worker.outbox import Outbox


logger = logging.getLogger(__name__)

_EMPTY = (pickle.dumps(None, 5), [])  # type: tuple[bytes, list[Any]]


class Meter:
    """CPU nanoseconds of a call's coroutine and of the tasks that it starts."""

    __slots__ = ("ns",)

    def __init__(self) -> None:
        self.ns = 0


_meter: contextvars.ContextVar[Meter | None] = contextvars.ContextVar("meter", default=None)


class Metered(Coroutine):  # type: ignore[type-arg]  # its arguments would need typing
    """A coroutine that adds the CPU time of its steps to a meter."""

    __slots__ = ("_coroutine", "_meter")

    def __init__(self, coroutine: Coroutine[Any, Any, Any], meter: Meter) -> None:
        self._coroutine = coroutine
        self._meter = meter

    def send(self, value: Any) -> Any:
        """Run one step."""
        before = time.thread_time_ns()
        try:
            return self._coroutine.send(value)
        finally:
            self._meter.ns += time.thread_time_ns() - before

    def throw(self, *error: Any) -> Any:
        """Run one step that begins with an exception."""
        before = time.thread_time_ns()
        try:
            return self._coroutine.throw(*error)
        finally:
            self._meter.ns += time.thread_time_ns() - before

    def close(self) -> None:
        """End the coroutine."""
        self._coroutine.close()

    def __await__(self) -> Generator[Any, None, Any]:
        return self

    def __iter__(self) -> Metered:
        return self

    def __next__(self) -> Any:
        return self.send(None)


def _task_factory(loop: Any, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    meter = _meter.get()
    if meter is not None and not isinstance(coroutine, Metered):
        coroutine = Metered(coroutine, meter)
    return asyncio.Task(coroutine, loop=loop, **options)


class AsyncRunner:
    """Runs coroutine functions in a loop of its own, beside the worker's main thread."""

    def __init__(self, outbox: Outbox, capture: Capture, concurrency: int) -> None:
        self.waiting: collections.deque[Item] = collections.deque()
        self._outbox = outbox
        self._capture = capture
        self._concurrency = concurrency
        self._runner = Runner(time.thread_time_ns)
        self._tasks: dict[tuple[int, int], asyncio.Task[None]] = {}
        self._environment: dict[str, str] = {}
        self._surroundings = ExitStack()
        self._logs: dict[tuple[int, int], CallLog] = {}
        self._closed = self._flushing = False
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._loop.set_task_factory(_task_factory)
        self._thread = threading.Thread(target=self._serve, name="coroutines", daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closed:
            try:
                self._loop.run_forever()
            except BaseException:
                logger.debug("a task of a call tried to end the program", exc_info=True)
        self._loop.close()

    def used_ns(self) -> int:
        """Return the CPU time that the loop's thread has used; 0 where threads cannot be asked."""
        clock_of = getattr(time, "pthread_getcpuclockid", None)  # not on macOS
        ident = self._thread.ident
        return time.clock_gettime_ns(clock_of(ident)) if clock_of and ident else 0

    def close(self) -> None:
        """End the loop and its thread, with what runs there."""

        async def end() -> None:
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            if tasks:
                await asyncio.wait(tasks, timeout=1)
            self._closed = True
            self._loop.stop()

        asyncio.run_coroutine_threadsafe(end(), self._loop)

    def feed(self, items: list[Item]) -> None:
        """Take calls; may be called from any thread."""
        self.waiting.extend(items)
        self._loop.call_soon_threadsafe(self._start_waiting)

    def cancel(self, batch: int, position: int) -> None:
        """Cancel a call that runs; may be called from any thread."""

        def stop() -> None:
            if task := self._tasks.get((batch, position)):
                task.cancel()

        self._loop.call_soon_threadsafe(stop)

    @property
    def has_live(self) -> bool:
        """Whether the output of a running call is wanted as it comes."""
        return bool(self._logs)

    def live(self) -> list[tuple[int, int, str]]:
        """Return new output of running calls whose output is wanted as it comes."""
        return [(*key, text) for key, log in list(self._logs.items()) if (text := log.news())]

    def _start_waiting(self) -> None:
        while self.waiting and len(self._tasks) < self._concurrency:
            if self._tasks and self.waiting[0][2].environment != self._environment:
                return  # the environment belongs to the process: wait until it is free
            try:
                item = self.waiting.popleft()
            except IndexError:  # the client has just taken it back
                return
            batch, position, function, _, _ = item
            if not self._tasks:
                self._surround(function.environment)
            task = self._loop.create_task(self._run(item))
            self._tasks[batch, position] = task
            task.add_done_callback(functools.partial(self._ended, batch, position))

    def _surround(self, variables: dict[str, str]) -> None:
        """Set environment variables for as long as calls with these variables run."""
        self._surroundings.close()
        self._surroundings.enter_context(environment(variables))
        self._environment = variables

    def _ended(self, batch: int, position: int, task: asyncio.Task[None]) -> None:
        """See to it that a call has an outcome, even if what runs it was ended from within."""
        if self._tasks.pop((batch, position), None) is None:
            return
        error = None if task.cancelled() else task.exception()
        payload = pack_error(error or RuntimeError("the call ended its own task"))
        now = time.monotonic_ns()
        times = (now, 0, 0, 0, 0, self._runner.peak, 0, 0, 0, 0)
        self._outbox.put(batch, position, RAISED, payload, times, None, last=True)
        self._start_waiting()

    async def _run(self, item: Item) -> None:
        batch, position, function, blob, buffers = item
        key = (batch, position)
        log = self._capture.begin_task(live=function.live)
        if function.live:
            self._logs[key] = log
        meter = Meter()
        _meter.set(meter)
        received = start = end = time.monotonic_ns()
        before = self._runner.peak
        try:
            call = function.load()
            arguments = unpack(blob, buffers)
        except BaseException as error:  # noqa: BLE001 - becomes the outcome of the call
            status, payload = UNREADABLE, pack_error(error)
        else:
            start = time.monotonic_ns()
            status, value = await self._await(call, arguments, function.timeout, meter)
            end = time.monotonic_ns()
            if os.getpid() != self._pid:
                os._exit(0)  # a child that the call forked came out of it
            del arguments
            status, payload = self._runner.pack(value) if status == DONE else (status, value)
        done = time.monotonic_ns()
        long = end - start > LONG_NS
        _, system = self._runner.account(0) if long else (0, 0)
        # What lies before and after is that of all calls that ran meanwhile.
        memory = (before, *(self._runner.memory if long else (0, 0)), 0)
        self._capture.collect()
        beside = (start - received) + (done - end)
        spans = (start, end - start, meter.ns, min(system, meter.ns), beside)
        times = (*spans, self._runner.peak, *memory)
        del self._tasks[key]
        self._logs.pop(key, None)
        text = log.text() if log else None
        if not self._tasks:
            self._surround({})
        self._outbox.put(batch, position, status, payload, times, text, last=False)
        if not self._flushing:
            # Others that end in the same turn of the loop go together.
            self._flushing = True
            self._loop.call_soon(self._flush)
        self._start_waiting()

    def _flush(self) -> None:
        self._flushing = False
        self._outbox.flush()

    @staticmethod
    async def _await(
        call: Callable[..., Any], arguments: Any, seconds: float | None, meter: Meter
    ) -> tuple[int, Any]:
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                if type(arguments) is tuple:
                    awaitable = call(*arguments)
                else:
                    awaitable = call(*arguments[0], **arguments[1])
                if isinstance(awaitable, Coroutine):
                    awaitable = Metered(awaitable, meter)
                return DONE, await awaitable
        except asyncio.CancelledError:
            return CANCELLED, _EMPTY
        except BaseException as error:  # noqa: BLE001 - the user's errors are data
            if limit.expired() and isinstance(error, TimeoutError):
                return TIMED_OUT, _EMPTY
            return RAISED, pack_error(error, skip=1)
