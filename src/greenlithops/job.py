"""Job and Future: what a program holds of work that is under way."""

from __future__ import annotations

import asyncio
import collections
import time
from collections.abc import AsyncIterator, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenlithops.dispatch.ledger import CANCELLED, FAILED, SENT, WAITING
from greenlithops.errors import CallCancelled, ExecutorClosed, NotReady
from greenlithops.models import CallState, CallStats, Event, EventKind, JobStats, Progress

if TYPE_CHECKING:
    from greenlithops.dispatch.work import Work
    from greenlithops.energy.records import CallEnergy, EnergyReport

T = TypeVar("T")

FORGET_AT_ONCE = 1024  #: consumed results of a lazy input are dropped in groups of this
UNREAD_BYTES = 256 << 20  #: unread results of a lazy input may take this much


class Future(Generic[T]):
    """One call. Await it for its result.

    Futures are made when they are asked for; two futures of the same call are equal.
    """

    __slots__ = ("_job", "index")

    def __init__(self, job: Job[T], index: int) -> None:
        self._job = job
        self.index = index  #: the number of the call in its job, from 0

    @property
    def job(self) -> Job[T]:
        """The job that the call belongs to."""
        return self._job

    @property
    def state(self) -> CallState:
        """Where the call is on its way."""
        return CallState(self._job._work.ledger.state(self.index))

    def done(self) -> bool:
        """Return whether the call has ended: with a result, an error, or by cancellation."""
        return self._job._work.ledger.state(self.index) not in (WAITING, SENT)

    def cancelled(self) -> bool:
        """Return whether the call was cancelled."""
        return self.state is CallState.CANCELLED

    def result(self) -> T:
        """Return the call's result.

        Raises:
            NotReady: the call has not ended.
            CallCancelled: it was cancelled.
            Exception: what the call raised, or why it gave no result.
        """
        return self._job._result(self.index)

    def exception(self) -> Exception | None:
        """Return what the call raised, or None if it returned.

        Raises:
            NotReady: the call has not ended.
            CallCancelled: it was cancelled.
        """
        try:
            self.result()
        except (NotReady, CallCancelled):
            raise
        except Exception as error:  # noqa: BLE001 - the user's errors are data
            return error
        return None

    def cancel(self) -> bool:
        """Cancel the call; return False if it had ended before.

        A call that runs is stopped: a coroutine is cancelled, a worker that runs a function is
        killed and replaced, and what else the worker had goes to others.
        """
        return self._job._cancel([self.index])

    def add_done_callback(self, callback: Callable[[Future[T]], None]) -> None:
        """Have `callback(future)` called on the event loop when the call has ended."""
        self._job._when_done(self.index, lambda: callback(self))

    @property
    def stats(self) -> CallStats | None:
        """What the call took; None until it has ended, or if no worker could tell."""
        return self._job._work.ledger.stats(self.index)

    @property
    def energy(self) -> CallEnergy | None:
        """What the call cost, failed attempts included; None while it runs or if not metered."""
        return self._job._call_energy(self.index)

    @property
    def logs(self) -> str:
        """What the call printed so far (while it runs, only with ``live_logs``)."""
        return self._job._logs(self.index)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            waiter = asyncio.get_running_loop().create_future()
            self._job._when_done(self.index, lambda: waiter.done() or waiter.set_result(None))
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self.result()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            return NotImplemented
        return self._job is other._job and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self._job), self.index))

    def __reduce__(self) -> Any:
        raise TypeError(
            f"{self!r} lives in this process and cannot be pickled; pass its result instead"
        )

    def __repr__(self) -> str:
        return f"<Future {self._job.id}[{self.index}] {self._job.name} {self.state.name.lower()}>"


class Job(Generic[T]):
    """Calls of one function over an input.

    Await a job for the list of its results, in the order of the input; the first error is raised
    as soon as it is known, and the other calls go on. Iterate over it asynchronously for the
    results one by one, in the order of the input, as they come.
    """

    def __init__(
        self, job_id: str, name: str, *, buffer: int, on_finish: Callable[[Job[T]], None]
    ) -> None:
        self.id = job_id  #: unique in the program
        self.name = name  #: the function's name
        self._buffer = buffer
        self._on_finish = on_finish
        self._work: Work
        self._on_idle: Callable[[], None] | None = None
        self._emit: Callable[[Event], None] | None = None
        self._stop: Callable[[Job[T], set[int]], None]
        self._callbacks: dict[int, list[Callable[[], None]]] = {}
        self._change: asyncio.Future[None] | None = None
        self._fresh: collections.deque[int] | None = None
        self._consumed = self._consumed_bytes = 0
        self._iterated = self._awaited = self._over = False
        self._first_error: int | None = None
        self._live: dict[int, str] = {}
        self._energy_rows: dict[int, list[int]] = {}
        self._energy_known = 0

    def _attach(
        self,
        work: Work,
        stop: Callable[[Job[T], set[int]], None],
        emit: Callable[[Event], None] | None,
    ) -> None:
        self._work, self._stop, self._emit = work, stop, emit
        if work.input.lazy:
            work.room = self._room
        if emit:
            emit(Event(EventKind.JOB_STARTED, time.time(), self.id, self.name))

    # Results.

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self.results().__await__()

    async def results(self, *, return_exceptions: bool = False) -> list[T]:
        """Return all results, in the order of the input.

        Args:
            return_exceptions: put errors in the place of results instead of raising the first.

        Raises:
            Exception: the first error of a call, as soon as it is known; the error that the
                input itself raised, when the calls made until then have ended.
        """
        self._awaited = True
        self._work.wake()
        try:
            while not self._over:
                if self._first_error is not None and not return_exceptions:
                    break
                await self._news()
        except asyncio.CancelledError:
            self.cancel()
            raise
        if self._first_error is not None and not return_exceptions:
            self._result(self._first_error)
        if self._work.input.error is not None:
            raise self._work.input.error
        ledger = self._work.ledger
        if ledger.base:
            raise NotReady("results of this job were already consumed by iterating over it")
        if not return_exceptions:
            if ledger.counts[CANCELLED]:
                raise CallCancelled(f"{ledger.counts[CANCELLED]} calls of {self!r} were cancelled")
            return ledger.values()
        return [self._value_or_error(index) for index in range(ledger.size)]

    async def __aiter__(self) -> AsyncIterator[T]:
        self._iterated = True
        index = self._work.ledger.base
        while await self._until(index):
            result = self._result(index)
            index += 1
            self._consume(index)
            yield result
        self._raise_input_error()

    async def as_completed(self) -> AsyncIterator[Future[T]]:
        """Give the futures of all calls in the order in which they end.

        Of an input that is made as it is taken, a future's result is kept until the next one is
        asked for.
        """
        self._iterated = True
        ledger = self._work.ledger
        self._fresh = fresh = collections.deque(ledger.order)
        seen: set[int] = set()
        while True:
            while fresh:
                index = fresh.popleft()
                yield Future(self, index)
                seen.add(index)
                oldest = self._consumed
                while oldest in seen:
                    seen.discard(oldest)
                    oldest += 1
                if oldest > self._consumed:
                    self._consume(oldest)
            if self._over:
                break
            await self._news()
        self._raise_input_error()

    async def wait(self, timeout: float | None = None) -> bool:
        """Wait until every call has ended; return whether they have within `timeout` seconds.

        Nothing is cancelled when the time is up, and no call's error is raised.
        """
        self._awaited = True
        self._work.wake()
        try:
            async with asyncio.timeout(timeout):
                while not self._over:
                    await self._news()
        except TimeoutError:
            return False
        return True

    # Futures.

    @property
    def futures(self) -> list[Future[T]]:
        """The futures of all calls made so far, in the order of the input."""
        ledger = self._work.ledger
        return [Future(self, index) for index in range(ledger.base, ledger.size)]

    def __getitem__(self, index: int) -> Future[T]:
        size = self._work.input.total or self._work.ledger.size
        if index < 0:
            index += size
        if not 0 <= index < size:
            raise IndexError(f"{self!r} has no call {index}")
        return Future(self, index)

    def __len__(self) -> int:
        """Return how many calls there are so far, or altogether where that is known."""
        total = self._work.input.total
        return self._work.ledger.size if total is None else total

    # What is known of it.

    def done(self) -> bool:
        """Return whether every call has ended and no more will come."""
        return self._over

    @property
    def progress(self) -> Progress:
        """How far the job is."""
        work = self._work
        total = work.input.total
        if total is None and work.input.ended:
            total = work.ledger.size + len(work.input.queue)
        return work.ledger.progress(total)

    @property
    def stats(self) -> JobStats:
        """What the calls that have ended took together."""
        return self._work.ledger.job_stats()

    @property
    def energy(self) -> EnergyReport | None:
        """What the calls that have ended cost together; None if energy is switched off."""
        window = self._work.energy
        return window.report() if window is not None else None

    @property
    def logs(self) -> dict[int, str]:
        """What the calls printed, by index, of those that printed anything."""
        indices = self._work.ledger.logs.keys() | self._live.keys()
        return {index: self._logs(index) for index in sorted(indices)}

    def cancel(self) -> bool:
        """Cancel every call that has not ended; return False if all had."""
        work = self._work
        if self._over:
            return False
        work.input.end()
        work.input.queue.clear()
        work.input.total = None
        return self._cancel(range(work.ledger.base, work.ledger.size))

    def __repr__(self) -> str:
        progress = self.progress
        total = "?" if progress.total is None else progress.total
        return f"<Job {self.id} {self.name} {progress.finished}/{total}>"

    def __reduce__(self) -> Any:
        raise TypeError(f"{self!r} lives in this process and cannot be pickled")

    # What the engine tells (`greenlithops.dispatch.work.Listener`).

    def calls_ended(self, indices: range | list[int]) -> None:
        """Calls have ended."""
        ledger = self._work.ledger
        if self._first_error is None and ledger.counts[FAILED]:
            self._first_error = next((i for i in indices if ledger.state(i) == FAILED), None)
        if self._fresh is not None:
            self._fresh.extend(indices)
        if self._callbacks:
            for index in indices:
                for callback in self._callbacks.pop(index, ()):
                    callback()
        if self._live:
            for index in indices:
                self._live.pop(index, None)
        if self._emit:
            for index in indices:
                self._emit(self._event(EventKind.CALL_FINISHED, index))
        if self._on_idle is not None and self._work.idle:
            self._on_idle()
        if not self._over and self._work.finished:
            self._over = True
            self._on_finish(self)
            if self._emit:
                self._emit(Event(EventKind.JOB_FINISHED, time.time(), self.id, self.name))
        if self._change is not None:
            change, self._change = self._change, None
            if not change.done():
                change.set_result(None)

    def call_retried(self, index: int, error: BaseException) -> None:
        """A call failed and will run again."""
        if self._emit:
            event = Event(
                EventKind.CALL_RETRIED, time.time(), self.id, self.name, index, error=error
            )
            self._emit(event)

    def call_printed(self, index: int, text: str) -> None:
        """A running call has printed something."""
        self._live[index] = self._live.get(index, "") + text
        if self._emit:
            event = Event(
                EventKind.CALL_PRINTED, time.time(), self.id, self.name, index, text=text
            )
            self._emit(event)

    def _event(self, kind: EventKind, index: int) -> Event:
        ledger = self._work.ledger
        stats = ledger.stats(index)
        error = ledger.value(index) if ledger.state(index) == FAILED else None
        worker = stats.worker if stats else None
        return Event(kind, time.time(), self.id, self.name, index, worker, stats, error)

    # Within.

    def _raise_input_error(self) -> None:
        if self._work.input.error is not None:
            raise self._work.input.error

    def _news(self) -> asyncio.Future[None]:
        if self._change is None or self._change.done():
            self._change = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._change)

    async def _until(self, index: int) -> bool:
        """Wait until a call has ended; return False if there is no such call."""
        ledger = self._work.ledger
        try:
            while ledger.state(index) in (WAITING, SENT):
                if self._over and index >= ledger.size:
                    return False
                await self._news()
        except asyncio.CancelledError:
            self.cancel()
            raise
        return True

    def _consume(self, until: int) -> None:
        ledger = self._work.ledger
        self._consumed = until
        if self._work.input.lazy and not self._awaited:
            if until - ledger.base > FORGET_AT_ONCE:
                self._consumed_bytes += ledger.forget(until - 1 - ledger.base)
                self._work.wake()
            elif until % 64 == 0:
                self._work.wake()

    def _room(self) -> int:
        if self._awaited:
            return 1 << 30
        ledger = self._work.ledger
        if ledger.bytes_out - self._consumed_bytes > UNREAD_BYTES and ledger.size > self._consumed:
            return 0
        return self._buffer - (ledger.size - self._consumed)

    def _result(self, index: int) -> T:
        ledger = self._work.ledger
        state = ledger.state(index)
        if state in (WAITING, SENT):
            raise NotReady(f"call {index} of {self!r} has not ended yet; await it")
        if index < ledger.base:
            raise NotReady(f"the result of call {index} of {self!r} was consumed and dropped")
        if state == CANCELLED:
            raise CallCancelled(f"call {index} of {self!r} was cancelled")
        value = ledger.value(index)
        if state == FAILED:
            raise value
        result: T = value
        return result

    def _value_or_error(self, index: int) -> Any:
        try:
            return self._result(index)
        except Exception as error:  # noqa: BLE001 - the user's errors are data
            return error

    def _when_done(self, index: int, callback: Callable[[], None]) -> None:
        if self._work.ledger.state(index) in (WAITING, SENT):
            self._callbacks.setdefault(index, []).append(callback)
        else:
            asyncio.get_running_loop().call_soon(callback)

    def _cancel(self, indices: range | list[int]) -> bool:
        work = self._work
        if indices and max(indices) >= work.ledger.size:
            work.absorb()
        ended = work.cancel(indices)
        if ended:
            self._stop(self, set(ended))
        self.calls_ended(ended)
        return bool(ended)

    def _logs(self, index: int) -> str:
        return self._work.ledger.logs.get(index, "") + self._live.get(index, "")

    def _call_energy(self, index: int) -> CallEnergy | None:
        window = self._work.energy
        if window is None or self._work.ledger.state(index) in (WAITING, SENT):
            return None
        metered = self._work.metered
        for row in range(self._energy_known, len(metered)):
            self._energy_rows.setdefault(metered[row], []).append(row)
        self._energy_known = len(metered)
        rows = self._energy_rows.get(index)
        return window.call(rows[-1]) if rows else None

    def _push(self, arguments: Any) -> Future[T]:
        """Add a call to a job of submitted calls."""
        work = self._work
        index = work.ledger.size + len(work.input.queue)
        work.input.queue.append(arguments)
        work.wake()
        return Future(self, index)

    def _leave(self) -> None:
        """The executor is being left: nothing can consume a lazy input's results any more."""
        lazy = self._work.input.lazy and self._iterated and not self._awaited
        if lazy and not self._over:
            self._work.input.end(
                ExecutorClosed("the executor was left before this job's input came to its end")
            )
            self.cancel()
