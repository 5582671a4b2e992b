"""CodeCarbon measures: a tracker around each of CALLS processes of SECONDS; prints JSON."""

from __future__ import annotations

import json
import logging
import multiprocessing
import sys
import time

from burning import burn, together
from codecarbon import OfflineEmissionsTracker

JOULES_PER_KWH = 3.6e6


def tracked(seconds: float, mode: str, gate: object, answers: object) -> None:
    """Burn under a tracker of its own; tell what it says."""
    before = time.perf_counter()
    tracker = OfflineEmissionsTracker(
        country_iso_code="ESP",
        measure_power_secs=1,
        tracking_mode=mode,
        save_to_file=False,
        log_level="error",
        allow_multiple_runs=True,
    )
    tracker.start()
    started = time.perf_counter() - before
    gate.wait()  # type: ignore[attr-defined]  # a barrier: the calls begin together
    found = burn(seconds)
    before = time.perf_counter()
    tracker.stop()
    stopped = time.perf_counter() - before
    said = tracker.final_emissions_data
    found |= {"told": said.cpu_energy * JOULES_PER_KWH, "started": started, "stopped": stopped}
    answers.put(found)  # type: ignore[attr-defined]  # a queue


def main(calls: int, seconds: float, mode: str) -> dict[str, float]:
    """Run so many processes at once; return the truth and the sum of what was told."""
    logging.disable(logging.ERROR)
    context = multiprocessing.get_context("spawn")
    gate, answers = context.Barrier(calls), context.SimpleQueue()
    processes = [
        context.Process(target=tracked, args=(seconds, mode, gate, answers)) for _ in range(calls)
    ]
    for process in processes:
        process.start()
    found = [answers.get() for _ in processes]
    for process in processes:
        process.join()
    return together(found) | {
        "told": sum(one["told"] for one in found),
        "started": max(one["started"] for one in found),
        "stopped": max(one["stopped"] for one in found),
    }


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]), sys.argv[3])))
