"""A map with a reduction behind it, as one thing to await."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Generator, Iterable

    from greenlithops.job import Future, Job
    from greenlithops.models import Progress

T = TypeVar("T")


class Reduction(Generic[T]):
    """Await it for the reduced value.

    Attributes:
        job: the map's job.
        reducers: the futures of the reduce calls: one, or one for each object; none until the
            map has ended.
    """

    def __init__(self, job: Job[Any]) -> None:
        self.job = job
        self.reducers: list[Future[Any]] = []
        self._task: asyncio.Task[Any]

    def begin(self, task: asyncio.Task[Any]) -> None:
        """Take note of the task that runs it."""
        self._task = task
        # Whoever does not await it has no use for its error either.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def run(
        self,
        reduce: Callable[[list[Any]], Future[Any]],
        groups: Callable[[list[Any]], Iterable[list[Any]]] | None,
    ) -> Any:
        """Reduce the results of the map: all of them, or each of the `groups` by itself."""
        results = await self.job
        if groups is None:
            self.reducers = [reduce(results)]
            return await self.reducers[0]
        self.reducers = [reduce(group) for group in groups(results)]
        try:
            return [await reducer for reducer in self.reducers]
        except BaseException:
            self._cancel_reducers()
            raise

    @property
    def reducer(self) -> Future[Any] | None:
        """The future of the reduce call; None until the map has ended."""
        return self.reducers[0] if self.reducers else None

    def _cancel_reducers(self) -> None:
        for reducer in self.reducers:
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
