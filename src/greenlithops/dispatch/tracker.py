"""Follows the calls of one job for those who wait for them: results, order, news, events."""

from __future__ import annotations

import asyncio
import time
from contextvars import copy_context
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.ledger import CANCELLED, FAILED, SENT, WAITING
from greenlithops.errors import CallCancelled, ExecutorClosed, NotReady, OtherLoop
from greenlithops.models import Event, EventKind, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextvars import Context

    from greenlithops.dispatch.work import Work
    from greenlithops.energy.records import CallEnergy
    from greenlithops.errors import GreenlithopsError

    _Callback = tuple[Callable[..., object], tuple[Any, ...], Context]

FORGET_AT_ONCE = 1024  #: consumed results of a lazy input are dropped in groups of this
KEPT_BYTES = 16 << 20  #: … or when they take this much
UNREAD_BYTES = 256 << 20  #: unread results of a lazy input may take this much

Indices = range | list[int]


class Tracker:
    """What is known of a job, and who wants to be told.

    Args:
        job_id: the job's name in the program.
        buffer: how many calls of a lazy input may be ahead of the consumer.
        emit: takes events, or None when nobody listens.
        on_finish: told when every call has ended and no more will come.
        stop: told which calls were cancelled, so that workers stop them.
    """

    def __init__(
        self,
        job_id: str,
        *,
        buffer: int,
        emit: Callable[[Event], None] | None,
        on_finish: Callable[[Tracker], None],
        stop: Callable[[Tracker, set[int]], None],
    ) -> None:
        self.id = job_id
        self.loop = asyncio.get_running_loop()
        self.work: Work
        self.over = False
        self.cancelled = False  #: whether the input was cut short
        self.iterated = self.awaited = False
        self.first_error: int | None = None
        self.on_idle: Callable[[], None] | None = None
        self._buffer = buffer
        self._emit = emit
        self._on_finish = on_finish
        self._stop = stop
        self._callbacks: dict[int, list[_Callback]] = {}
        self._change: asyncio.Future[None] | None = None
        self._consumed = self._kept_bytes = self._dropped_bytes = 0
        self._starved = False
        self._live: dict[int, str] = {}
        self._energy_rows: dict[int, list[int]] = {}
        self._energy_known = 0

    def follow(self, work: Work) -> None:
        """Begin with the work whose listener this is."""
        self.work = work
        if work.input.lazy:
            work.room = self._room
        self._tell(EventKind.JOB_STARTED)

    @property
    def name(self) -> str:
        """The function's name."""
        return self.work.name

    # What is known.

    def ended(self, index: int) -> bool:
        """Return whether a call has ended."""
        return self.over or self.work.ledger.state(index) not in (WAITING, SENT)

    def result(self, index: int) -> Any:
        """Return a call's result, or raise why there is none."""
        ledger = self.work.ledger
        state = ledger.state(index)
        if state in (WAITING, SENT):
            if self.over:
                self.raise_input_error()
                raise CallCancelled(f"call {index} of {self.name} was never made")
            raise NotReady(f"call {index} of {self.name} has not ended yet; await it")
        if index < ledger.base:
            raise NotReady(f"the result of call {index} of {self.name} was consumed and dropped")
        if state == CANCELLED:
            raise CallCancelled(f"call {index} of {self.name} was cancelled")
        value = ledger.value(index)
        if state == FAILED:
            raise value
        return value

    def outcome(self, index: int) -> Any:
        """Return a call's result, or the exception in its place."""
        try:
            return self.result(index)
        except Exception as error:  # noqa: BLE001 - the user's errors are data
            return error

    def logs(self, index: int) -> str:
        """Return what a call has printed."""
        return self.work.ledger.logs.get(index, "") + self._live.get(index, "")

    def all_logs(self) -> dict[int, str]:
        """Return what the calls have printed that printed anything."""
        indices = self.work.ledger.logs.keys() | self._live.keys()
        return {index: self.logs(index) for index in sorted(indices)}

    def progress(self) -> Progress:
        """Return how far the job is."""
        work = self.work
        total = work.input.total
        if total is None and work.input.ended:
            total = work.ledger.size + len(work.input.queue)
        return work.ledger.progress(total)

    def energy(self, index: int) -> CallEnergy | None:
        """Return what a call cost, all its attempts together."""
        window, metered = self.work.energy, self.work.metering.indices
        if window is None or not self.ended(index):
            return None
        for row in range(self._energy_known, len(metered)):
            self._energy_rows.setdefault(metered[row], []).append(row)
        self._energy_known = len(metered)
        rows = self._energy_rows.get(index)
        return window.calls(rows) if rows else None

    def raise_input_error(self) -> None:
        """Raise what the input has raised, if it has."""
        if self.work.input.error is not None:
            raise self.work.input.error

    # Waiting.

    def check_loop(self) -> None:
        """Raise if the job belongs to another loop: what is awaited here would never come."""
        if asyncio.get_running_loop() is not self.loop:
            raise OtherLoop

    def news(self) -> asyncio.Future[None]:
        """Return a future that is done when something has changed."""
        self.check_loop()
        if self._change is None or self._change.done():
            self._change = self.loop.create_future()
        return asyncio.shield(self._change)

    async def until(self, index: int) -> bool:
        """Wait until a call has ended; return False if there is no such call."""
        while not self.ended(index):
            await self.news()
        return index < self.work.ledger.size

    async def until_over(self, *, or_error: bool = False) -> None:
        """Wait until every call has ended; with `or_error`, or one has failed."""
        self.awaited = True
        self.work.wake()
        while not self.over and not (or_error and self.first_error is not None):
            await self.news()

    def when_done(
        self,
        index: int,
        function: Callable[..., object],
        *arguments: Any,
        context: Context | None = None,
    ) -> None:
        """Have a function called on the loop when a call has ended."""
        self.check_loop()
        callback = (function, arguments, context or copy_context())
        if self.ended(index):
            self._call_soon(callback)
        else:
            self._callbacks.setdefault(index, []).append(callback)

    def forget_callback(self, index: int, function: Callable[..., object]) -> int:
        """Have a function not called any more; return how often it was to be."""
        before = self._callbacks.get(index, [])
        after = [callback for callback in before if callback[0] != function]
        if after:
            self._callbacks[index] = after
        else:
            self._callbacks.pop(index, None)
        return len(before) - len(after)

    def _call_soon(self, callback: _Callback) -> None:
        function, arguments, context = callback
        self.loop.call_soon(function, *arguments, context=context)

    def consume(self, until: int) -> None:
        """Take note that the results before `until` have been used; drop them if they are many."""
        ledger, lazy = self.work.ledger, self.work.input.lazy
        if not lazy or self.awaited or until <= self._consumed:
            return
        for index in range(self._consumed, until):
            self._kept_bytes += ledger.size_out(index)
        self._consumed = until
        if until - ledger.base > FORGET_AT_ONCE or self._kept_bytes > KEPT_BYTES:
            # The last one may still be read through its future.
            dropped = ledger.forget(until - 1 - ledger.base)
            self._dropped_bytes += dropped
            self._kept_bytes -= dropped
        if self._starved and self._room() > self._buffer // 4:
            self._starved = False
            self.work.wake()

    @property
    def consumed(self) -> int:
        """The index before which all results have been used."""
        return self._consumed

    def _room(self) -> int:
        if self.awaited:
            return 1 << 30
        ledger = self.work.ledger
        room = self._buffer - (ledger.size - self._consumed)
        ended = len(ledger.order) + ledger.order_base
        if ended:
            # What is under way will probably be as large as what has come so far.
            unread = ledger.bytes_out - self._dropped_bytes - self._kept_bytes
            size = max(1, ledger.bytes_out // ended)
            room = min(room, (UNREAD_BYTES - unread) // size - ledger.counts[SENT])
        self._starved = self._starved or room <= 0
        return room

    # Doing.

    def cancel(self, indices: Indices) -> bool:
        """Cancel calls; return whether there were any that had not ended."""
        work = self.work
        if self.over:
            return False
        ended = work.cancel(indices)
        if ended:
            self._stop(self, set(ended))
            self.calls_ended(ended)
        return bool(ended)

    def cancel_all(self) -> bool:
        """Cancel every call that has not ended, and take no more from the input."""
        work = self.work
        if self.over:
            return False
        self.cancelled = not work.input.ended
        first = work.ledger.size
        work.cancel_input()
        ended = work.cancel(range(work.ledger.base, first))
        if ended:
            self._stop(self, set(ended))
        self.calls_ended([*ended, *range(first, work.ledger.size)])
        return True

    def stop(self, error: GreenlithopsError) -> None:
        """Have nothing more sent: what was not sent fails with `error`, what runs may end."""
        if not self.over:
            self.work.stop(error)

    def abandon(self) -> None:
        """Nobody goes on iterating: an input that only iterating drives has no use any more."""
        if self.work.input.lazy and not self.awaited:
            self.cancel_all()

    def leave(self) -> None:
        """The executor is being left: nothing can consume a lazy input's results any more."""
        lazy = self.work.input.lazy and self.iterated and not self.awaited
        if lazy and not self.over:
            self.work.input.end(
                ExecutorClosed("the executor was left before this job's input came to its end")
            )
            self.cancel_all()

    # What the engine tells (`greenlithops.dispatch.work.Listener`).

    def calls_ended(self, indices: Indices) -> None:
        """Calls have ended."""
        ledger = self.work.ledger
        if self.first_error is None and ledger.counts[FAILED]:
            self.first_error = next((i for i in indices if ledger.state(i) == FAILED), None)
        self._pass_on(indices)
        if self.on_idle is not None and self.work.idle:
            self.on_idle()
        if not self.over and self.work.finished:
            self._finish()
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def _finish(self) -> None:
        self.over = True
        self._call_back(list(self._callbacks))
        self._on_finish(self)
        if self._emit:
            window = self.work.energy
            details = {"energy": window.report()} if window is not None else {}
            self._tell(EventKind.JOB_FINISHED, details=details)
        # Without these cycles, results go as soon as nobody holds them.
        self.on_idle = None
        self.work.listener = NOBODY
        self.work.room = lambda: 0

    def _pass_on(self, indices: Indices) -> None:
        if self._live:
            for index in indices:
                self._live.pop(index, None)
        if self._callbacks:
            self._call_back(indices)
        if self._emit:
            for index in indices:
                self._tell_end(index)

    def _call_back(self, indices: Iterable[int]) -> None:
        for index in indices:
            for callback in self._callbacks.pop(index, ()):
                self._call_soon(callback)

    def call_retried(self, index: int, error: BaseException) -> None:
        """A call failed and will run again."""
        self._tell(EventKind.CALL_RETRIED, index=index, error=error)

    def call_printed(self, index: int, text: str) -> None:
        """A running call has printed something."""
        self._live[index] = self._live.get(index, "") + text
        self._tell(EventKind.CALL_PRINTED, index=index, text=text)

    def _tell_end(self, index: int) -> None:
        ledger = self.work.ledger
        stats = ledger.stats(index)
        self._tell(
            EventKind.CALL_FINISHED,
            index=index,
            worker=stats.worker if stats else None,
            stats=stats,
            error=ledger.value(index) if ledger.state(index) == FAILED else None,
            details={"cancelled": True} if ledger.state(index) == CANCELLED else {},
        )

    def _tell(self, kind: EventKind, **details: Any) -> None:
        if self._emit:
            self._emit(Event(kind, time.time(), self.id, self.name, **details))


class _Nobody:
    """Stands for a tracker of a job that is over, to which nothing happens any more."""

    def calls_ended(self, indices: Indices) -> None:
        pass

    def call_retried(self, index: int, error: BaseException) -> None:
        pass

    def call_printed(self, index: int, text: str) -> None:
        pass


NOBODY = _Nobody()
