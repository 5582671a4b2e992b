"""What a very large job costs its client: time, CPU and memory."""

from __future__ import annotations

import gc
import os
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import functions
from workloads import verify, warm

if TYPE_CHECKING:
    from workloads import Adapter

MILLION = 1_000_000


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:
    """Run one job of ``size`` calls to its end; figures scaled to a million calls.

    Client CPU time is that of this process alone: planning, sending, receiving and holding.
    """
    async with adapter.open_session(workers) as session:
        await warm(session, workers)
        gc.collect()
        memory, cpu, start = _resident_bytes(), time.process_time(), time.perf_counter()
        results = await session.map(functions.noop, range(size))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        growth = _peak_bytes() - memory
        verify(results, list(range(size)))
    figures = {
        "seconds": wall * MILLION / size,
        "client_cpu": cpu * MILLION / size,
        "bytes": growth / size,
    }
    if session.returned_after is not None:
        figures["returned"] = session.returned_after * 1e3
    return figures


def _resident_bytes() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _peak_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
