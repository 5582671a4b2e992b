"""A map with a reduction behind it, as one thing to await."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Generator

    from greenlithops.job import Future, Job
    from greenlithops.models import Progress

T = TypeVar("T")


class Reduction(Generic[T]):
    """Await it for the reduced value.

    Attributes:
        job: the map's job.
        reducer: the future of the reduce call; None until the map has ended.
    """

    def __init__(self, job: Job[Any], task: asyncio.Task[T]) -> None:
        self.job = job
        self.reducer: Future[T] | None = None
        self._task = task
        # Whoever does not await it has no use for its error either.
        task.add_done_callback(lambda task: task.cancelled() or task.exception())

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
        if self.reducer is not None:
            self.reducer.cancel()
        return self._task.cancel()

    def __await__(self) -> Generator[Any, None, T]:
        return self._task.__await__()

    def __repr__(self) -> str:
        return f"<Reduction of {self.job!r} {'done' if self.done() else 'pending'}>"
