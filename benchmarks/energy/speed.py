"""Print what metering costs: of greenlithops beside its goals, and of CodeCarbon.

Both read the same emulated counter, whose readings cost more than the kernel's: each is answered by
another process.
"""

from __future__ import annotations

import argparse
import os
import sys
from typing import Any

from emulation import HERE, codecarbon, emulated, figures

#: What is printed: its key, in which unit, and the goal if there is one.
LINES = (
    ("sampling 1", "sampling once a second", "% of a core", None),
    ("sampling 10", "sampling 10 times a second, as while calls run", "% of a core", 0.5),
    ("sampling 100", "sampling 100 times a second", "% of a core", 3.0),
    ("added", "added to a call that does nothing, wall time", "µs", 20.0),
    ("added cpu", "the same, CPU time of client and workers", "µs", 20.0),
    ("without", "(a call that does nothing, without energy)", "µs", None),
    ("reading", "reading the energy of a call afterwards", "µs", None),
    ("start", "start, where it was started before", "ms", 5.0),
    ("start fresh", "start in a fresh interpreter, with all its imports", "ms", 5.0),
    ("start fresh cpu", "the same, CPU time", "ms", 5.0),
)


def main() -> None:
    """Measure both, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0, help="of each sampling")
    seconds = str(parser.parse_args().seconds)
    with emulated() as tree:
        ours = figures([sys.executable, str(HERE / "ours_speed.py"), seconds], tree)
        carbon = codecarbon()
        theirs = (
            figures([carbon, str(HERE / "codecarbon_speed.py"), seconds], tree) if carbon else {}
        )
    for name, found in (("greenlithops", ours), ("CodeCarbon", theirs)):
        if "failed" in found:
            print(f"{name} failed: {found['failed']}")
    print(f"\n{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}; medians")
    print(f"{'':<50}{'greenlithops':>14}{'goal':>9}{'CodeCarbon':>14}")
    for key, text, unit, goal in LINES:
        aim = "" if goal is None else f"< {goal:g}"
        print(f"{text:<50}{_cell(ours, key):>14}{aim:>9}{_cell(theirs, key):>14}  {unit}")
    print("CodeCarbon: start() of a tracker, and start_task() with stop_task() for each call")


def _cell(found: dict[str, Any], key: str) -> str:
    return f"{found[key]:,.2f}" if key in found else "-"


if __name__ == "__main__":
    main()
