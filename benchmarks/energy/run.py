"""Compare what greenlithops and CodeCarbon tell of the same work, where the truth is known.

An emulated RAPL counter (FUSE) follows this machine's real CPU time: so many watts idle, so many
for each busy CPU. So the energy of a function is known: its CPU time, times the latter. Needs root,
/dev/fuse and libfuse (``make test-integration`` installs it).
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE.parent))

from environments import PeerEnvironmentError, python_of  # noqa: E402 - of the folder above
from greenlithops.energy.kept import VARIABLE, KeptIdle, keep_idle, machine_key  # noqa: E402 - ours
from greenlithops.testing.meters import LiveMachine, LivePowercap, seen_by  # noqa: E402

MACHINE = LiveMachine(idle_watts=20.0, watts_per_cpu=50.0)
PATIENCE = 600.0
KEPT = "greenlithops, kept"  #: with the machine's idle watts known from a calibration
RESULTS = ROOT / ".bench" / "energy.json"
FORK = (
    "Green Computing Lithops (the fork that metered energy before) is in no package registry: "
    "it was not run."
)


def main() -> int:
    """Measure, print the table, and write every round as JSON."""
    options = _options()
    if reason := _impossible():
        sys.exit(f"the emulated counter cannot be made here: {reason}")
    try:
        carbon = python_of("codecarbon", ROOT)
    except PeerEnvironmentError as error:
        carbon = None
        print(f"CodeCarbon could not be installed: {error}")
    ours = [sys.executable, str(HERE / "ours.py")]
    tools: dict[str, list[str]] = {"greenlithops": ours, KEPT: ours}
    if carbon is not None:
        program = [str(carbon), str(HERE / "codecarbon_tasks.py")]
        tools |= {f"codecarbon, {mode}": [*program, mode] for mode in ("machine", "process")}
    rounds: list[dict[str, Any]] = []
    turns = itertools.product(range(options.rounds), options.calls, tools.items())
    with tempfile.TemporaryDirectory() as name, LivePowercap(Path(name) / "live", MACHINE) as live:
        tree = kernel_layout(Path(name) / "kernel", live)
        idle = _keep(Path(name) / "idle.json")
        for number, calls, (tool, command) in turns:
            variables = {VARIABLE: str(idle) if tool == KEPT else "off"}
            found = _run(command, tree, calls, options.seconds, variables)
            rounds.append(found | {"tool": tool, "calls": calls, "round": number})
    _print(rounds, options.calls, list(tools), options)
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
    return parser.parse_args()


def _impossible() -> str | None:
    if os.geteuid() != 0:
        return "it needs root, for a mount namespace"
    return LivePowercap.impossible()


def kernel_layout(folder: Path, live: Path) -> Path:
    """Link live zones into a tree with all the entries that the kernel's has."""
    (folder / "intel-rapl").mkdir(parents=True)
    for zone in (live / "class" / "powercap").iterdir():
        (folder / zone.name).symlink_to(zone)
        (folder / "intel-rapl" / zone.name).symlink_to(zone)
    (folder / "intel-rapl" / "subsystem").symlink_to("..")
    return folder


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
    line = seen_by([python, program, str(calls), str(seconds), *mode], powercap=tree)
    try:
        done = subprocess.run(
            line,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env=os.environ | variables,
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"it had not ended after {PATIENCE:g} s"}
    if done.returncode != 0:
        words = done.stderr.strip().splitlines() or ["it said nothing"]
        return {"failed": words[-1]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    # What the functions themselves burned above idle is known from how the machine is made.
    return found | {"true": MACHINE.watts_per_cpu * found["cpu"]}


def _print(
    rounds: list[dict[str, Any]], calls: list[int], tools: list[str], options: argparse.Namespace
) -> None:
    print(
        f"\nCalls of {options.seconds:g} s of CPU at once, on {os.cpu_count()} CPUs that idle at "
        f"{MACHINE.idle_watts:g} W and add {MACHINE.watts_per_cpu:g} W each when busy.\n"
        f"Medians of {options.rounds} rounds. Told: the sum of what is told for each call. It is "
        "divided by what\nthe functions burned, and by all that the machine burned while they ran "
        "(other programs included).\n"
    )
    head = ("tool", "calls", "told J", "functions J", "machine J", "of functions", "of machine")
    print("{:<22}{:>6}{:>11}{:>13}{:>12}{:>14}{:>12}".format(*head))
    for count in calls:
        for tool in tools:
            mine = [r for r in rounds if r["tool"] == tool and r["calls"] == count]
            good = [r for r in mine if "failed" not in r]
            if not good:
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
    print(FORK)


def _median(rounds: list[dict[str, Any]], key: str) -> float:
    return statistics.median(r[key] for r in rounds)


if __name__ == "__main__":
    sys.exit(main())
