"""Compare what greenlithops and CodeCarbon tell of the same work, where the truth is known.

On the emulated machine the energy of a function is known: its CPU time, times the watts of a busy
CPU (`emulation`).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from emulation import HERE, MACHINE, ROOT, codecarbon, emulated, figures

from greenlithops.energy.kept import VARIABLE, KeptIdle, keep_idle, machine_key

KEPT = "greenlithops, kept"  #: with the machine's idle watts known from a calibration
RESULTS = ROOT / ".bench" / "energy.json"
FORK = "the fork's method"
OF_FORK = (
    "Green Computing Lithops (the fork that metered energy before) is in no package registry and "
    "was not run.\nIts method, to tell each call what the machine burned while it ran, is carried "
    "out on the calls of\ngreenlithops, which read the counter when they begin and end."
)
#: What is the same of a run whoever tells the joules.
_COMMON = ("true", "machine", "seconds", "calls", "round")


def main() -> int:
    """Measure, print the table, and write every round as JSON."""
    options = _options()
    ours = [sys.executable, str(HERE / "ours.py")]
    tools: dict[str, list[str]] = {"greenlithops": ours, KEPT: ours}
    if carbon := codecarbon():
        program = [carbon, str(HERE / "codecarbon_tasks.py")]
        tools |= {f"codecarbon, {mode}": [*program, mode] for mode in ("machine", "process")}
    rounds: list[dict[str, Any]] = []
    turns = itertools.product(range(options.rounds), options.calls, tools.items())
    with tempfile.TemporaryDirectory() as name, emulated() as tree:
        idle = _keep(Path(name) / "idle.json")
        for number, calls, (tool, command) in turns:
            if tool.startswith("codecarbon") and number >= options.peer_rounds:
                continue
            variables = {VARIABLE: str(idle) if tool == KEPT else "off"}
            found = _run(command, tree, calls, options.seconds, variables)
            rounds.append(found | {"tool": tool, "calls": calls, "round": number})
            if tool == "greenlithops" and "failed" not in found:
                told = {"told": found["each"], "tool": FORK}
                rounds.append({k: rounds[-1][k] for k in _COMMON} | told)
    _print(rounds, options.calls, [*tools, FORK], options)
    RESULTS.parent.mkdir(exist_ok=True)
    (RESULTS.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    RESULTS.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    print(f"\nevery round: {RESULTS}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1, 2, 4, 8])
    parser.add_argument("--seconds", type=float, default=0.5, help="CPU time of each call")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--peer-rounds", type=int, default=1, help="of CodeCarbon: it takes long")
    return parser.parse_args()


def _keep(place: Path) -> Path:
    """Write down what `greenlithops energy calibrate --idle` would find on a quiet machine."""
    row = {"package": MACHINE.idle_watts}
    moment = datetime.now(UTC).isoformat(timespec="seconds")
    cpus = os.cpu_count() or 1
    found = KeptIdle(row, {"package": 0.0}, "powercap", moment, 0.0, 1.0, cpus, machine_key())
    return keep_idle(found, place)


def _run(
    command: list[str], tree: Path, calls: int, seconds: float, variables: dict[str, str]
) -> dict[str, Any]:
    python, program, *mode = command
    found = figures([python, program, str(calls), str(seconds), *mode], tree, variables)
    if "failed" in found:
        return found
    # What the functions themselves burned above idle is known from how the machine is made.
    return found | {"true": MACHINE.watts_per_cpu * found["cpu"]}


def _print(
    rounds: list[dict[str, Any]], calls: list[int], tools: list[str], options: argparse.Namespace
) -> None:
    print(
        f"\nCalls of {options.seconds:g} s of CPU at once, on {os.cpu_count()} CPUs that idle at "
        f"{MACHINE.idle_watts:g} W and add {MACHINE.watts_per_cpu:g} W each when busy.\n"
        f"Medians of {options.rounds} rounds (of CodeCarbon {options.peer_rounds}). Told: the sum "
        "of what is told for each call. It is\ndivided by what the functions burned, and by all "
        "that the machine burned while they ran\n(other programs included).\n"
    )
    head = ("tool", "calls", "told J", "functions J", "machine J", "of functions", "of machine")
    print("{:<22}{:>6}{:>11}{:>13}{:>12}{:>14}{:>12}".format(*head))
    for count in calls:
        for tool in tools:
            mine = [r for r in rounds if r["tool"] == tool and r["calls"] == count]
            good = [r for r in mine if "failed" not in r]
            if not good:
                if not mine:
                    continue
                print(f"{tool:<22}{count:>6}  failed: {mine[0]['failed']}")
                continue
            told, true, machine = (_median(good, key) for key in ("told", "true", "machine"))
            of_functions = statistics.median(r["told"] / r["true"] for r in good)
            of_machine = statistics.median(r["told"] / r["machine"] for r in good)
            print(
                f"{tool:<22}{count:>6}{told:>11.1f}{true:>13.1f}{machine:>12.1f}"
                f"{of_functions:>13.2f}x{of_machine:>11.2f}x"
            )
    _print_sums(rounds)


def _print_sums(rounds: list[dict[str, Any]]) -> None:
    good = [r for r in rounds if "failed" not in r]
    ours = [r for r in good if r["tool"].startswith("greenlithops")]
    if ours:
        gaps = [abs(r["told"] + r["idle"] + r["other"] - r["machine_told"]) for r in ours]
        print(
            "\ngreenlithops: calls + idle + other differ from its machine by at most "
            f"{max(gaps):.2g} J; workers were started and the meter was open after "
            f"{statistics.median(r['opened'] for r in ours):.2f} s (0.2 s of it is a sleep)"
        )
        blind = sum(not r["idle_known"] for r in ours)
        if blind:
            print(
                f"greenlithops: in {blind} of {len(ours)} runs the machine was never idle enough "
                "to learn its idle\npower; calls then have a part of it, and their records say so"
            )
    theirs = [r for r in good if "started" in r]
    if theirs:
        started, stopped = _median(theirs, "started"), _median(theirs, "stopped")
        print(f"CodeCarbon: start() took {started:.2f} s and stop() {stopped:.2f} s")
        print("CodeCarbon's trackers tell what the machine, or a share of it, used: each its own.")
    print(OF_FORK)


def _median(rounds: list[dict[str, Any]], key: str) -> float:
    return statistics.median(r[key] for r in rounds)


if __name__ == "__main__":
    sys.exit(main())
