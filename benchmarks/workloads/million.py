"""What a very large job costs its client: time, CPU and memory."""

from __future__ import annotations

import gc
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
        _restart_peak()
        memory = _status_bytes("VmRSS")
        cpu, start = time.process_time(), time.perf_counter()
        results = await session.map(functions.noop, range(size))
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu
        growth = _status_bytes("VmHWM") - memory
        verify(results, list(range(size)))
    figures = {
        "seconds": wall * MILLION / size,
        "client_cpu": cpu * MILLION / size,
        "bytes": growth / size,
    }
    if session.returned_after is not None:
        figures["returned"] = session.returned_after * 1e3
    return figures


def _restart_peak() -> None:
    """Let the kernel's high-water mark start again at what is resident now."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def _status_bytes(name: str) -> int:
    # Not getrusage: its peak never starts again, and begins with that of the parent process.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition(f"{name}:")[2].split()[0]) * 1024
