"""What a workload needs of an executor; each adapter here runs with nothing but its peer installed.

An adapter is a module with ``DISTRIBUTION`` (whose version is reported), ``open_session(workers)``
(an asynchronous context manager that yields a `Session`) and ``run(coroutine)``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

T = TypeVar("T")


class Session:
    """An open executor."""

    #: seconds after which the last `map` had given its handle back; None where `map` has none
    returned_after: float | None = None

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """Call the function once per item and return the results in the items' order."""
        raise NotImplementedError

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        """Make one call and return its result."""
        raise NotImplementedError


def drive(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never suspends, so that blocking executors are timed without a loop."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    coroutine.close()
    raise RuntimeError("a blocking adapter must not wait for an event loop")
