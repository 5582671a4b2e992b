"""ProcessPoolExecutor with large chunks: fast, but with nothing known of a single call."""

from __future__ import annotations

from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from peers import Session, drive
from peers.futures_session import FuturesSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = None
CHUNKS_PER_WORKER = 4  # what multiprocessing.Pool chooses when it is not told

run = drive


class _Session(FuturesSession):
    def __init__(self, pool: Executor, workers: int) -> None:
        super().__init__(pool)
        self._chunks = CHUNKS_PER_WORKER * workers

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        elements = list(items)
        chunksize = max(1, -(-len(elements) // self._chunks))
        return list(self._pool.map(function, elements, chunksize=chunksize))


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open the pool and close it with its processes."""
    with ProcessPoolExecutor(workers) as pool:
        yield _Session(pool, workers)
