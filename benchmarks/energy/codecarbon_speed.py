"""What CodeCarbon's metering costs: run beside an emulated counter; prints JSON."""

from __future__ import annotations

import json
import logging
import statistics
import sys
import time

from codecarbon import OfflineEmissionsTracker

TASKS = 5


def _tracker(interval: float) -> OfflineEmissionsTracker:
    return OfflineEmissionsTracker(
        country_iso_code="ESP",
        measure_power_secs=interval,
        tracking_mode="machine",
        save_to_file=False,
        log_level="error",
        allow_multiple_runs=True,
    )


def main(seconds: float) -> dict[str, float]:
    """Return percents of a core, microseconds a task, and milliseconds."""
    logging.disable(logging.ERROR)
    found: dict[str, float] = {}
    for hertz in (1, 10):
        before = time.perf_counter()
        tracker = _tracker(1 / hertz)
        tracker.start()
        found["start"] = 1e3 * (time.perf_counter() - before)
        time.sleep(0.5)
        wall, cpu = time.perf_counter(), time.process_time()
        time.sleep(seconds)
        used = (time.process_time() - cpu) / (time.perf_counter() - wall)
        found[f"sampling {hertz}"] = 100 * used
        tracker.stop()
    tracker = _tracker(1)
    took = []
    for number in range(TASKS):
        before = time.perf_counter()
        tracker.start_task(f"task {number}")
        tracker.stop_task(f"task {number}")
        took.append(time.perf_counter() - before)
    tracker.stop()
    return found | {"added": 1e6 * statistics.median(took)}


if __name__ == "__main__":
    print(json.dumps(main(float(sys.argv[1]))))
