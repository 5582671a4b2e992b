"""What it costs to keep an eye on the energy while nothing runs."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

import functions
import greenlithops as gl

if TYPE_CHECKING:
    from workloads import Adapter

TURNS = 3  # on and off alternate, so that what the machine does besides hits both


async def measure(adapter: Adapter, workers: int, size: int) -> dict[str, float]:  # noqa: ARG001
    """Hold an idle executor open with energy on and off; percent of one core that on adds.

    ``size`` is how many seconds each kind is watched. CPU time is that of this process and of its
    workers.
    """
    seconds = size / TURNS
    on = off = 0.0
    for _ in range(TURNS):
        on += await _idle_cpu("auto", workers, seconds)
        off += await _idle_cpu("off", workers, seconds)
    return {"added": 100 * (on - off) / size, "on": 100 * on / size, "off": 100 * off / size}


async def _idle_cpu(energy: str, workers: int, seconds: float) -> float:
    async with gl.AsyncExecutor(max_workers=workers, energy=energy) as executor:
        await executor.map(functions.settle, range(4 * workers))
        await asyncio.sleep(0.3)  # what follows a job, such as its last sample, is not idling
        before = cpu_seconds()
        await asyncio.sleep(seconds)
        return cpu_seconds() - before


def cpu_seconds() -> float:
    """Sum the scheduler's nanoseconds: the ticks of /proc/*/stat are too coarse for this."""
    processes = [os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))]
    threads = (thread for pid in processes for thread in Path(f"/proc/{pid}/task").iterdir())
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9
