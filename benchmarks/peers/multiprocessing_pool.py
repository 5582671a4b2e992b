"""multiprocessing.Pool, with one message a call."""

from __future__ import annotations

import multiprocessing
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from peers import Session, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable
    from multiprocessing.pool import Pool

T = TypeVar("T")

DISTRIBUTION = None
run = drive


class _Session(Session):
    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        return self._pool.map(function, items, chunksize=1)

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return self._pool.apply(function, (item,))


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open the pool; let its processes finish and wait for them."""
    pool = multiprocessing.Pool(workers)
    try:
        yield _Session(pool)
        pool.close()
    except BaseException:
        pool.terminate()
        raise
    finally:
        pool.join()
