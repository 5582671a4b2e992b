"""What is measured: a function that burns CPU, and reads the machine's counter on either side."""

from __future__ import annotations

import time
from pathlib import Path

COUNTER = Path("/sys/class/powercap/intel-rapl:0/energy_uj")


def burn(seconds: float) -> dict[str, float]:
    """Use CPU time; return what the machine's counter said, and what was used."""
    begin, joules, cpu = time.monotonic(), _joules(), time.thread_time()
    while time.thread_time() < cpu + seconds:
        sum(range(1000))
    used = time.thread_time() - cpu
    return {
        "cpu": used,
        "begin": begin,
        "end": time.monotonic(),
        "joules_before": joules,
        "joules_after": _joules(),
    }


def rest(seconds: float) -> dict[str, float]:
    """Do nothing for a while, and import what `burn` needs."""
    time.sleep(seconds)
    return burn(0.0)


def together(calls: list[dict[str, float]]) -> dict[str, float]:
    """Return the CPU time of calls, the seconds and joules from the first to the last.

    ``each`` is what the machine burned while a call ran, for all calls together.
    """
    return {
        "cpu": sum(call["cpu"] for call in calls),
        "seconds": max(c["end"] for c in calls) - min(c["begin"] for c in calls),
        "each": sum(c["joules_after"] - c["joules_before"] for c in calls),
        "machine": max(c["joules_after"] for c in calls) - min(c["joules_before"] for c in calls),
    }


def _joules() -> float:
    return int(COUNTER.read_text(encoding="ascii")) * 1e-6
