"""A map with a reduction behind it, as one thing to await."""

from __future__ import annotations

import asyncio
from array import array
from bisect import bisect_right
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator, Sequence

    from greenlithops.job import Future, Job
    from greenlithops.models import Progress

T = TypeVar("T")


class Reduction(Generic[T]):
    """Await it for the reduced value.

    Attributes:
        job: the map's job.
    """

    def __init__(self, job: Job[Any]) -> None:
        self.job = job
        self._begun: dict[int, Future[Any]] = {}
        self._task: asyncio.Task[Any]

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Take note of the task that runs it."""
        self._task = task
        # Whoever does not await it has no use for its error either.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def run(
        self, reduce: Callable[[list[Any]], Future[Any]], parts: Sequence[int] | None
    ) -> Any:
        """Reduce the results of the map.

        Args:
            reduce: begins to reduce some of them.
            parts: how many calls belong to each object, if each is reduced by itself as soon as
                these have ended; may grow while the map runs. None: all together.
        """
        if parts is None:
            reducer = self._begun[0] = reduce(await self.job)
            return await reducer
        try:
            async with aclosing(self._complete(parts)) as groups:
                async for number, results in groups:
                    self._begun[number] = reduce(results)
            return [await reducer for reducer in self.reducers]
        except BaseException:
            self._cancel_reducers()
            raise

    async def _complete(self, parts: Sequence[int]) -> AsyncGenerator[tuple[int, list[Any]]]:
        """Give the number and the results of each object when all of its calls have ended."""
        tracker = self.job._tracker  # noqa: SLF001 - nothing of the job is consumed here
        tracker.awaited = True  # so the whole input is taken
        tracker.work.wake()
        order = tracker.work.ledger.order
        place, firsts, missing = 0, [0], array("q")
        while tracker.first_error is None:
            for number in parts[len(missing) :]:
                firsts.append(firsts[-1] + number)
                missing.append(number)
            for index in order[place:]:
                number = bisect_right(firsts, index) - 1
                missing[number] -= 1
                if not missing[number]:
                    calls = range(firsts[number], firsts[number + 1])
                    yield number, [tracker.result(call) for call in calls]
                place += 1
            if place < len(order):
                continue
            if tracker.over:
                break
            try:
                await tracker.news()
            except asyncio.CancelledError:
                self.job.cancel()
                raise
        await self.job  # raises what went wrong

    @property
    def reducers(self) -> list[Future[Any]]:
        """The futures of the reduce calls that there are by now.

        One when the map has ended, or one for each object whose parts have all ended, in the
        order of the objects.
        """
        return [self._begun[number] for number in sorted(self._begun)]

    @property
    def reducer(self) -> Future[Any] | None:
        """The future of the first reduce call; None until there is one."""
        return next(iter(self.reducers), None)

    def _cancel_reducers(self) -> None:
        for reducer in self._begun.values():
            reducer.cancel()

    @property
    def progress(self) -> Progress:
        """How far the map is."""
        return self.job.progress

    def done(self) -> bool:
        """Return whether the reduced value, or an error, is there."""
        return self._task.done()

    def cancel(self) -> bool:
        """Cancel the map and the reduction; return False if they had ended."""
        self.job.cancel()
        self._cancel_reducers()
        return self._task.cancel()

    def __await__(self) -> Generator[Any, None, T]:
        return self._task.__await__()

    def __repr__(self) -> str:
        return f"<Reduction of {self.job!r} {'done' if self.done() else 'pending'}>"
