"""ProcessPoolExecutor as an asyncio program uses it: loop.run_in_executor, one future a call."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from peers import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = None
run = asyncio.run


class _Session(Session):
    def __init__(self, pool: ProcessPoolExecutor) -> None:
        self._pool = pool

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        loop = asyncio.get_running_loop()
        calls = [loop.run_in_executor(self._pool, function, item) for item in items]
        return await asyncio.gather(*calls)

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, function, item)


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open the pool and close it with its processes."""
    with ProcessPoolExecutor(workers) as pool:
        yield _Session(pool)
