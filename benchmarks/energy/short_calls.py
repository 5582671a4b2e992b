"""Compare the CPU time that calls are told with what the kernel says inside of them.

A call reads its thread's clock, burns so many milliseconds, and reads it again. That is the truth;
what `CallStats.cpu_seconds` says beyond it is printed, as the median of all calls. The goal is 1 %.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import time
from typing import TYPE_CHECKING

import greenlithops as gl
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

SOURCES = ("clock", "ebpf", "cgroup", "taskstats", "ticks")
MILLISECONDS = (1, 2, 5, 10, 20, 50)
FILES: list[int] = []


def by_clock(milliseconds: float) -> int:
    """Burn; return the nanoseconds of this thread by its clock."""
    begin = now = time.thread_time_ns()
    while now < begin + milliseconds * 1e6:
        now = time.thread_time_ns()
    return now - begin


def by_schedstat(milliseconds: float) -> int:
    """Burn; return the nanoseconds that the scheduler booked for this thread meanwhile.

    What a reading costs before it looks, and after, is the function's, too: as much as there is
    between two readings that follow each other.
    """
    before = _booked()
    begin = _booked()
    by_clock(milliseconds)
    return _booked() - before + begin - before


def _booked() -> int:
    if not FILES:  # once for each worker: those of its main thread, in which functions run
        FILES.append(os.open("/proc/thread-self/schedstat", os.O_RDONLY))
    time.thread_time_ns()  # has the kernel bring the sum of the running task up to date
    return int(os.pread(FILES[0], 100, 0).split()[0])


async def main() -> None:
    """Print a table of medians for each source and truth."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--sources", nargs="+", default=list(SOURCES))
    parser.add_argument("--milliseconds", type=int, nargs="+", default=list(MILLISECONDS))
    options = parser.parse_args()
    print(
        "CPU time that calls are told beyond what they read inside of them; goal: within 1 %\n"
        f"{options.calls} calls each; {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}"
    )
    print("source      truth      " + "".join(f"{m:>18} ms" for m in options.milliseconds))
    for source in options.sources:
        try:
            async with gl.AsyncExecutor(energy=f"model+{source}", max_workers=2) as executor:
                await executor.map(by_clock, [5] * 8)
                for truth in (by_clock, by_schedstat):
                    cells = [
                        await _excess(executor, truth, m, options.calls)
                        for m in options.milliseconds
                    ]
                    print(f"{source:<12}{truth.__name__:<13}" + "".join(cells), flush=True)
        except ConfigurationError as error:
            print(f"{source:<12}{error}")


async def _excess(
    executor: gl.AsyncExecutor, truth: Callable[[float], int], milliseconds: int, calls: int
) -> str:
    job = executor.map(truth, [milliseconds] * calls)
    inside = await job
    told = [future.stats.cpu_seconds * 1e9 for future in job.futures if future.stats]
    more = [a - b for a, b in zip(told, inside, strict=True)]
    median = statistics.median(more)
    share = statistics.median(a / b for a, b in zip(more, inside, strict=True))
    return f"{share:>+10.2%} {median / 1e3:>+5.0f} µs"


if __name__ == "__main__":
    asyncio.run(main())
