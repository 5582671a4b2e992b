"""How many calls a second pass through a warm executor when the calls themselves cost nothing."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING

import functions
from workloads import Adapter, verify, warm

if TYPE_CHECKING:
    from peers import Session

SIZES = (1, 100, 1_000, 10_000, 100_000)
LONG_ENOUGH = 0.4  # seconds of repeats: small maps are too short to be timed once
MOST_REPEATS = 50


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Time maps of growing size, up to ``size``; calls per second by size."""
    sizes = [smaller for smaller in SIZES if smaller < size] + [size]
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        return {str(calls): calls / await _seconds(session, calls) for calls in sizes}


async def _seconds(session: Session, calls: int) -> float:
    times: list[float] = []
    while len(times) < MOST_REPEATS and sum(times) < LONG_ENOUGH:
        start = time.perf_counter()
        results = await session.map(functions.noop, range(calls))
        times.append(time.perf_counter() - start)
        verify(results, list(range(calls)))
    return statistics.median(times)
