"""How close calls that burn CPU come to what the cores could do."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import functions
from workloads import warm

if TYPE_CHECKING:
    from workloads import Adapter


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Make ``size`` calls of 50 ms of CPU; the fraction (CPU time / cores) / wall time.

    The calls spin until their own CPU clock says 50 ms, so what other programs take from the
    cores shows as a lower fraction for everyone.
    """
    cores = min(workers, len(os.sched_getaffinity(0)))
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        start = time.perf_counter()
        spent = await session.map(functions.spin, range(size))
        wall = time.perf_counter() - start
    if len(spent) != size or min(spent) < functions.SPIN_SECONDS:
        raise RuntimeError("calls are missing or too short")
    return {"fraction": sum(spent) / cores / wall}
