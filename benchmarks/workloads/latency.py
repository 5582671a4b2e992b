"""How long a caller waits for one call on a warm executor."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import functions
from summary import quantile
from workloads import verify, warm

if TYPE_CHECKING:
    from workloads import Adapter


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Make ``size`` calls, one after the other; milliseconds."""
    times: list[float] = []
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        for item in range(size):
            start = time.perf_counter()
            result = await session.call(functions.noop, item)
            times.append((time.perf_counter() - start) * 1e3)
            verify([result], [item])
    return {"median": quantile(times, 0.5), "p99": quantile(times, 0.99)}
