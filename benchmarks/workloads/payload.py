"""How fast data moves: every call takes one MiB and gives it back."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import numpy as np

import functions
from workloads import verify, warm

if TYPE_CHECKING:
    from collections.abc import Sequence

    from peers import Session
    from workloads import Adapter

MIB = 2**20


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Send ``size`` objects there and back; MB/s, counting what goes in and what comes out."""
    # Every object is its own, or a pickler that sees two of them would send one.
    blobs = [os.urandom(MIB) for _ in range(size)]
    arrays = [np.frombuffer(blob, dtype=np.float64) for blob in blobs]
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        seconds, results = await _timed(session, blobs)
        verify(results, blobs)
        figures = {"bytes": 2e-6 * MIB * size / seconds}
        # The first array makes a worker import numpy, which takes as long as the rest.
        await session.map(functions.noop, arrays[: 2 * workers])
        seconds, results = await _timed(session, arrays)
        verify([result.tobytes() for result in results], blobs)
        figures["numpy"] = 2e-6 * MIB * size / seconds
    return figures


async def _timed(session: Session, items: Sequence[Any]) -> tuple[float, list[Any]]:
    start = time.perf_counter()
    results = await session.map(functions.noop, items)
    return time.perf_counter() - start, results
