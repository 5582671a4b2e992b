"""No executor at all: what the machine and the loop do when nothing is asked of them."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from peers import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = None
run = asyncio.run


class _Session(Session):
    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        await asyncio.sleep(0.5)
        return [function(item) for item in items]

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return function(item)


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:  # noqa: ARG001
    """Open nothing."""
    yield _Session()
