"""How long the event loop of a host application is held up while a large map runs in it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import functions
from summary import quantile, waits_of_arrivals
from workloads import verify, warm

if TYPE_CHECKING:
    from workloads import Adapter

TICK = 0.001
LONG_ENOUGH = 2.0  # seconds of maps, so that a fast executor gives as many ticks as a slow one


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Run maps of ``size`` calls beside a task that sleeps 1 ms at a time; ms too late."""
    late: list[float] = []
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        ticker = asyncio.create_task(_tick(late))
        end = time.perf_counter() + LONG_ENOUGH
        while time.perf_counter() < end:
            results = await session.map(functions.noop, range(size))
            verify(results, list(range(size)))
        ticker.cancel()
    return {
        "p50": quantile(late, 0.5),
        "p99": quantile(late, 0.99),
        "arrivals_p99": quantile(waits_of_arrivals(late, TICK * 1e3), 0.99),
        "max": max(late),
    }


async def _tick(late: list[float]) -> None:
    while True:
        start = time.perf_counter()
        await asyncio.sleep(TICK)
        late.append((time.perf_counter() - start - TICK) * 1e3)
