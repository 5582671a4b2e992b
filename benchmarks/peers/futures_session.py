"""The session that everything with concurrent.futures' interface shares: one message a call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from peers import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor

T = TypeVar("T")


class FuturesSession(Session):
    """Calls through `Executor.map` and `Executor.submit`."""

    def __init__(self, pool: Executor) -> None:
        self._pool = pool

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        """Map without chunks, so that every call has a future of its own."""
        return list(self._pool.map(function, items, chunksize=1))

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        """Submit one call and wait for it."""
        return self._pool.submit(function, item).result()
