"""greenlithops measures: run beside an emulated counter with CALLS SECONDS; prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time

from burning import burn, rest, together

import greenlithops as gl

#: Seconds in which the machine's idle power can be learnt, if it is idle; CodeCarbon's start takes
#: as long.
SETTLE = 2.0


async def main(calls: int, seconds: float) -> dict[str, float]:
    """Map over so many calls at once; return the truth and what was told."""
    before = time.perf_counter()
    async with gl.AsyncExecutor(max_workers=calls, energy="powercap") as executor:
        await executor.map(rest, [0.2] * calls)  # starts the workers
        opened = time.perf_counter() - before
        await asyncio.sleep(SETTLE)
        job = executor.map(burn, [seconds] * calls)
        found = together(await job)
        energies = [future.energy for future in job.futures]
        report = job.energy
    told = [e.joules for e in energies if e is not None and e.joules is not None]
    assert report is not None  # noqa: S101, RUF100 - the meter is named
    return found | {
        "told": sum(told),
        "unknown": calls - len(told),
        "idle": report.idle_joules or 0.0,
        "idle_known": report.idle_joules is not None and "not known" not in (report.reason or ""),
        "low": min((e.joules_low or 0.0 for e in energies if e is not None), default=0.0),
        "other": report.other_joules or 0.0,
        "machine_told": report.machine_joules or 0.0,
        "opened": opened,
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(int(sys.argv[1]), float(sys.argv[2])))))
