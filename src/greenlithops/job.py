"""Job and Future: what a program holds of work that is under way."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from greenlithops.dispatch.ledger import CANCELLED
from greenlithops.errors import CallCancelled, EnergyBudgetExceeded, NotReady, UsageError
from greenlithops.models import CallState, CallStats, JobStats, Progress

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator
    from contextvars import Context

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.energy.records import CallEnergy, EnergyReport

T = TypeVar("T")


class Future(Generic[T]):
    """One call. Await it for its result.

    Futures are made when they are asked for; two futures of the same call are equal.
    """

    __slots__ = ("_tracker", "index")

    def __init__(self, tracker: Tracker, index: int) -> None:
        self._tracker = tracker
        self.index = index  #: the number of the call in its job, from 0

    @property
    def job(self) -> Job[T]:
        """The job that the call belongs to."""
        return Job(self._tracker)

    @property
    def state(self) -> CallState:
        """Where the call is on its way."""
        return CallState(self._tracker.work.ledger.state(self.index))

    def done(self) -> bool:
        """Return whether the call has ended: with a result, an error, or by cancellation."""
        return self._tracker.ended(self.index)

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
        value: T = self._tracker.result(self.index)
        return value

    def exception(self) -> Exception | None:
        """Return what the call raised, or None if it returned.

        Raises:
            NotReady: the call has not ended.
            CallCancelled: it was cancelled.
        """
        if not self.done() or self.cancelled():
            self.result()
        if self.state is CallState.FAILED:
            error: Exception = self._tracker.outcome(self.index)
            return error
        return None

    def cancel(self) -> bool:
        """Cancel the call; return False if it had ended before.

        A call that runs is stopped: a coroutine is cancelled, a worker that runs a function is
        killed and replaced, and what else the worker had goes to others.
        """
        return self._tracker.cancel([self.index])

    def add_done_callback(
        self, callback: Callable[[Future[T]], object], *, context: Context | None = None
    ) -> None:
        """Have `callback(future)` called on the event loop when the call has ended.

        Args:
            callback: what to call.
            context: where its context variables are; a copy of the current ones by default.
        """
        self._tracker.when_done(self.index, callback, self, context=context)

    def remove_done_callback(self, callback: Callable[[Future[T]], object]) -> int:
        """Have `callback` not called any more; return how often it was to be."""
        return self._tracker.forget_callback(self.index, callback)

    @property
    def stats(self) -> CallStats | None:
        """What the call took; None until it has ended, or if no worker could tell."""
        return self._tracker.work.ledger.stats(self.index)

    @property
    def energy(self) -> CallEnergy | None:
        """What the call cost, failed attempts included; None while it runs or if not metered."""
        return self._tracker.energy(self.index)

    @property
    def logs(self) -> str:
        """What the call printed so far (while it runs, only with ``live_logs``)."""
        return self._tracker.logs(self.index)

    def __await__(self) -> Generator[Any, None, T]:
        if not self.done():
            waiter = asyncio.get_running_loop().create_future()

            def wake() -> None:
                if not waiter.done():
                    waiter.set_result(None)

            self._tracker.when_done(self.index, wake)
            try:
                yield from waiter
            except asyncio.CancelledError:
                self.cancel()
                raise
        return self.result()

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            return NotImplemented
        return self._tracker is other._tracker and self.index == other.index

    def __hash__(self) -> int:
        return hash((id(self._tracker), self.index))

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} lives in this process and cannot be pickled; pass its result instead"
        )

    def __repr__(self) -> str:
        tracker = self._tracker
        return f"<Future {tracker.id}[{self.index}] {tracker.name} {self.state.name.lower()}>"


class Job(Generic[T]):
    """Calls of one function over an input.

    Await a job for the list of its results, in the order of the input; the first error is raised
    as soon as it is known, and the other calls go on. Iterate over it asynchronously for the
    results one by one, in the order of the input, as they come. Where the input has no length, such
    as a generator, leaving the iteration early cancels the rest of the job.
    """

    __slots__ = ("__weakref__", "_tracker")

    def __init__(self, tracker: Tracker) -> None:
        self._tracker = tracker

    @property
    def id(self) -> str:
        """The job's name, unique in the program."""
        return self._tracker.id

    @property
    def name(self) -> str:
        """The function's name."""
        return self._tracker.name

    # Results.

    def __await__(self) -> Generator[Any, None, list[T]]:
        return self.results().__await__()

    async def results(self, *, return_exceptions: bool = False) -> list[T]:
        """Return all results, in the order of the input.

        Args:
            return_exceptions: put errors in the place of results instead of raising the first.
                Of a job that was cancelled before its input came to its end, there are the calls
                that it had until then.

        Raises:
            Exception: the first error of a call, as soon as it is known; the error that the
                input itself raised, when the calls made until then have ended.
        """
        tracker = self._tracker
        try:
            await tracker.until_over(or_error=not return_exceptions)
        except asyncio.CancelledError:
            self.cancel()
            raise
        if tracker.first_error is not None and not return_exceptions:
            tracker.result(tracker.first_error)
        tracker.raise_input_error()
        ledger = tracker.work.ledger
        if ledger.base:
            raise NotReady("results of this job were already consumed by iterating over it")
        if tracker.cancelled and not ledger.size:
            raise CallCancelled(f"{self!r} was cancelled before its first call")
        if return_exceptions:
            return [tracker.outcome(index) for index in range(ledger.size)]
        if tracker.cancelled:
            raise CallCancelled(f"{self!r} was cancelled before its input came to its end")
        if ledger.counts[CANCELLED]:
            raise CallCancelled(f"{ledger.counts[CANCELLED]} calls of {self!r} were cancelled")
        return ledger.values()

    async def __aiter__(self) -> AsyncGenerator[T, None]:
        tracker = self._tracker
        tracker.iterated = True
        index = tracker.work.ledger.base
        while await self._until(index):
            result = tracker.result(index)
            index += 1
            tracker.consume(index)
            try:
                yield result
            except GeneratorExit:
                tracker.abandon()
                raise
        tracker.raise_input_error()
        if tracker.cancelled:
            raise CallCancelled(f"{self!r} was cancelled before its input came to its end")

    async def _until(self, index: int) -> bool:
        try:
            return await self._tracker.until(index)
        except asyncio.CancelledError:
            self.cancel()
            raise

    async def as_completed(self) -> AsyncGenerator[Future[T], None]:
        """Give the futures of all calls in the order in which they end.

        Of an input that is made as it is taken, a future's result is kept until the next one is
        asked for.
        """
        tracker = self._tracker
        tracker.iterated = True
        ledger = tracker.work.ledger
        place = 0
        seen: set[int] = set()
        while await self._more(place):
            place = max(place, ledger.order_base)
            index = ledger.order[place - ledger.order_base]
            place += 1
            try:
                yield Future(tracker, index)
            except GeneratorExit:
                tracker.abandon()
                raise
            seen.add(index)
            oldest = tracker.consumed
            while oldest in seen:
                seen.discard(oldest)
                oldest += 1
            tracker.consume(oldest)
        tracker.raise_input_error()

    async def _more(self, place: int) -> bool:
        """Wait until more calls have ended than `place`; return False if no more will."""
        ledger, tracker = self._tracker.work.ledger, self._tracker
        try:
            while place >= ledger.order_base + len(ledger.order):
                if tracker.over:
                    return False
                await tracker.news()
        except asyncio.CancelledError:
            self.cancel()
            raise
        return True

    async def wait(self, timeout: float | None = None) -> bool:  # noqa: ASYNC109 - asyncio.wait's name
        """Wait until every call has ended; return whether they have within `timeout` seconds.

        Nothing is cancelled when the time is up, and no call's error is raised.
        """
        if timeout is not None and not timeout >= 0:
            raise UsageError(f"timeout must be a number of seconds, not {timeout!r}")
        try:
            async with asyncio.timeout(timeout):
                await self._tracker.until_over()
        except TimeoutError:
            return False
        return True

    # Futures.

    @property
    def futures(self) -> list[Future[T]]:
        """The futures of all calls made so far, in the order of the input."""
        ledger = self._tracker.work.ledger
        return [Future(self._tracker, index) for index in range(ledger.base, ledger.size)]

    def __getitem__(self, index: int) -> Future[T]:
        size = len(self)
        if index < 0:
            index += size
        if not 0 <= index < size:
            raise IndexError(f"{self!r} has no call {index}")
        return Future(self._tracker, index)

    def __len__(self) -> int:
        """Return how many calls there are altogether, or so far where that is not known."""
        progress = self._tracker.progress()
        return self._tracker.work.ledger.size if progress.total is None else progress.total

    def __bool__(self) -> bool:
        return True  # a job without calls is a job

    # What is known of it.

    def done(self) -> bool:
        """Return whether every call has ended and no more will come."""
        return self._tracker.over

    @property
    def progress(self) -> Progress:
        """How far the job is."""
        return self._tracker.progress()

    @property
    def stats(self) -> JobStats:
        """What the calls that have ended took together."""
        return self._tracker.work.ledger.job_stats()

    @property
    def energy(self) -> EnergyReport | None:
        """What the calls that have ended cost together; None if energy is switched off."""
        window = self._tracker.work.energy
        return window.report() if window is not None else None

    @property
    def logs(self) -> dict[int, str]:
        """What the calls printed, by index, of those that printed anything."""
        return self._tracker.all_logs()

    @property
    def stopped(self) -> EnergyBudgetExceeded | None:
        """Why nothing more of it was sent: its energy budget is spent. None if it was not."""
        error = self._tracker.work.stopped
        return error if isinstance(error, EnergyBudgetExceeded) else None

    def cancel(self) -> bool:
        """Cancel every call that has not ended; return False if all had."""
        return self._tracker.cancel_all()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Job) and self._tracker is other._tracker

    def __hash__(self) -> int:
        return hash(id(self._tracker))

    def __repr__(self) -> str:
        progress = self.progress
        total = "?" if progress.total is None else progress.total
        return f"<Job {self.id} {self.name} {progress.finished}/{total}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError(
            f"{self!r} lives in this process and cannot be pickled; make it with durable=True and "
            "attach to its id elsewhere"
        )
