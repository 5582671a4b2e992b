"""greenlithops' asynchronous face on asyncio's own loop, with records and energy per call."""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import greenlithops as gl
from peers import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = "greenlithops"
run = asyncio.run


class _Session(Session):
    def __init__(self, executor: gl.AsyncExecutor) -> None:
        self._executor = executor

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        start = time.perf_counter()
        job = self._executor.map(function, items)
        self.returned_after = time.perf_counter() - start
        results = await job
        # The records are part of the product: whoever times this pays for them.
        energy, stats = job.energy, job.stats
        if energy is None or stats.calls != len(results):
            raise RuntimeError("the job has no record of its calls")
        return results

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return await self._executor.submit(function, item)


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open an executor on this machine, with the defaults of a user."""
    async with gl.AsyncExecutor(max_workers=workers) as executor:
        yield _Session(executor)
