"""What greenlithops' metering costs: run beside an emulated counter; prints JSON."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import greenlithops as gl
from greenlithops.energy.meters import select_meter
from greenlithops.energy.sampler import EnergySampler
from greenlithops.energy.sharing import shared_sampler
from workloads.sampling import cpu_seconds

METER = "powercap"
CALLS, ROUNDS, OPENINGS = 10_000, 9, 20
FRESH = """
import asyncio, json, time
import greenlithops.executor
async def main():
    wall, cpu = time.perf_counter(), time.process_time()
    from greenlithops.energy import shared_sampler
    async with shared_sampler("powercap"):
        return time.perf_counter() - wall, time.process_time() - cpu
print(json.dumps(asyncio.run(main())))
"""


def nothing(value: int) -> int:
    """Cost as little as a call can."""
    return value


async def main(seconds: float) -> dict[str, float]:
    """Return percents of a core, microseconds a call, and milliseconds."""
    found: dict[str, float] = {}
    for hertz in (10, 100):
        found[f"sampling {hertz}"] = await _sampling(1 / hertz, seconds)
    found |= await _added()
    fresh = [_fresh() for _ in range(OPENINGS)]
    found["start fresh"] = 1e3 * statistics.median(wall for wall, _ in fresh)
    found["start fresh cpu"] = 1e3 * statistics.median(cpu for _, cpu in fresh)
    found["start"] = 1e3 * statistics.median([await _opening() for _ in range(OPENINGS)])
    return found


async def _sampling(interval: float, seconds: float) -> float:
    """Sample as while calls run, on a loop that does nothing else."""
    async with EnergySampler(select_meter(METER), interval=interval, publish=True) as sampler:
        window = sampler.open_window()
        await asyncio.sleep(0.5)
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.sleep(seconds)
        used = (time.process_time() - cpu) / (time.perf_counter() - wall)
        window.close()
    return 100 * used


async def _added() -> dict[str, float]:
    """Map a function that does nothing, with energy and without it in turn."""
    async with (
        gl.AsyncExecutor(max_workers=2, energy=METER) as metered,
        gl.AsyncExecutor(max_workers=2, energy="off") as plain,
    ):
        for executor in (metered, plain):
            await executor.map(nothing, range(CALLS))
        pairs = [(await _map(metered), await _map(plain)) for _ in range(ROUNDS)]
        job = metered.map(nothing, range(CALLS))
        await job
        begin = time.perf_counter()
        known = sum(future.energy is not None for future in job.futures)
        read = (time.perf_counter() - begin) / known
    wall, cpu = (statistics.median(on[i] - off[i] for on, off in pairs) for i in (0, 1))
    without = statistics.median(off[0] for _, off in pairs)
    return {"added": wall, "added cpu": cpu, "without": without, "reading": 1e6 * read}


async def _map(executor: gl.AsyncExecutor) -> tuple[float, float]:
    """Return microseconds a call: wall time, and CPU time of this process and its workers."""
    wall, cpu = time.perf_counter(), cpu_seconds()
    await executor.map(nothing, range(CALLS))
    took = time.perf_counter() - wall
    return 1e6 * took / CALLS, 1e6 * (cpu_seconds() - cpu) / CALLS


def _fresh() -> tuple[float, float]:
    """Return the seconds, and those of CPU time, to open the meter in a new interpreter."""
    run = subprocess.run([sys.executable, "-c", FRESH], capture_output=True, text=True, check=True)
    wall, cpu = json.loads(run.stdout)
    return wall, cpu


async def _opening() -> float:
    begin = time.perf_counter()
    async with shared_sampler(METER):
        return time.perf_counter() - begin


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(float(sys.argv[1])))))
