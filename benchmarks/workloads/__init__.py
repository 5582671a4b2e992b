"""What is measured: each module has ``measure(adapter, workers, size)``, giving named figures."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import functions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from contextlib import AbstractAsyncContextManager

    from peers import Session

T = TypeVar("T")


class Adapter(Protocol):
    """A module of `peers`."""

    __name__: str
    DISTRIBUTION: str | None

    @property
    def open_session(self) -> Callable[[int], AbstractAsyncContextManager[Session]]:
        """Open the peer's executor with this many workers."""
        ...

    @property
    def run(self) -> Callable[[Coroutine[Any, Any, T]], T]:
        """Run a coroutine as a program of this peer would."""
        ...


async def warm(session: Session, workers: int) -> None:
    """Start every worker and make the functions known, so that neither is timed."""
    await session.map(functions.settle, range(4 * workers))
    await session.map(functions.noop, range(2 * workers))
    await session.call(functions.noop, 0)


def verify(results: list[Any], expected: list[Any]) -> None:
    """Refuse a time that was reached with wrong results."""
    if results != expected:
        raise RuntimeError("the results are not those of the calls, in order")
