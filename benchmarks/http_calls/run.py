"""Compare ways of holding thousands of calls over HTTP open, side by side, against one server."""

from __future__ import annotations

import argparse
import json
import resource
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from environments import python_of

RESULTS = ROOT / ".bench" / "http_calls.json"
CLIENT = (sys.executable, str(HERE / "client.py"))
BARE, OURS, LITHOPS = "aiohttp", "greenlithops", "lithops"
SECONDS = 120.0  #: for one round; what has not ended then is not tried again


class Shape(NamedTuple):
    """What is measured."""

    calls: int
    seconds: float  #: that each takes
    rounds: int
    ways: tuple[str, ...]


SHAPES = (
    Shape(100, 1.0, 3, (BARE, OURS, LITHOPS)),
    Shape(1_000, 1.0, 5, (BARE, OURS, LITHOPS)),
    Shape(10_000, 1.0, 5, (BARE, OURS, LITHOPS)),
    Shape(10_000, 15.0, 2, (BARE, OURS)),  # all in flight at a time
)
MANY = 1_000  #: calls from which on there are goals
GOALS = {"wall_s": 1.15, "cpu_s": 1.15}  #: times bare aiohttp, at most
LIMITS = {"kib_per_call": 13.0, "lag_p99_ms": 20.0, "first_ms": 10.0}
#: figures without a goal; the last is the lag of a loop that does nothing beside ours
TOLD = ("in_flight", "threads", "idle_lag_p99_ms")

Rounds = dict[str, list[dict[str, float]]]  #: by way


def main() -> int:
    """Run what the command line asks for, print the tables and write every round as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[one.calls for one in SHAPES])
    parser.add_argument("--rounds", type=int, help="of each; 2 to 5 by default")
    parser.add_argument("--without", nargs="*", default=[], choices=[BARE, LITHOPS])
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found: dict[str, Rounds] = {}
    port = free_port()
    server = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(port)])
    try:
        wait_for(port)
        for shape in SHAPES:
            if shape.calls not in options.calls:
                continue
            rounds: Rounds = {way: [] for way in shape.ways if way not in options.without}
            for _ in range(options.rounds or shape.rounds):
                for way, series in rounds.items():
                    if all(one["wall_s"] < SECONDS for one in series):
                        series.append(one_round(way, port, shape))
            found[f"{shape.calls} calls of {shape.seconds:g} s"] = rounds
            report(shape, rounds)
    finally:
        server.kill()
        server.wait()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    (RESULTS.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\nevery round: {RESULTS}")
    return 0


def one_round(way: str, port: int, shape: Shape) -> dict[str, float]:
    """Return the figures of one client, in a fresh process."""
    if way == LITHOPS:
        command = [str(python_of(LITHOPS, ROOT)), str(HERE / "lithops_client.py")]
    else:
        command = [*CLIENT, way]
    command += [str(port), str(shape.calls), str(shape.seconds)]
    idle = subprocess.Popen(
        [*CLIENT, "idle", "0", "0", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"{way} has not made {shape.calls:,} calls in {SECONDS:g} s", file=sys.stderr)
        return {"wall_s": SECONDS}
    finally:
        beside, _ = idle.communicate()
    if said.returncode:
        sys.exit(f"{way} failed: {said.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(said.stdout.strip().splitlines()[-1])
    figures["idle_lag_p99_ms"] = json.loads(beside)["lag_p99_ms"]
    return figures


def report(shape: Shape, rounds: Rounds) -> None:
    """Print the medians of a shape's rounds, with what ours is of bare aiohttp's."""
    print(f"\n{shape.calls:,} calls of {shape.seconds:g} s at once (medians)")
    heads = "".join(f"{way:>14}" for way in rounds)
    print(f"{'':16}{heads}{'   ratio  goal' if shape.calls >= MANY else ''}")
    names = list(dict.fromkeys(name for series in rounds.values() for name in series[0]))
    for name in names:
        medians = {way: median_of(name, series) for way, series in rounds.items()}
        columns = "".join(f"{shown(name, one):>14}" for one in medians.values())
        verdict = judged(name, medians) if shape.calls >= MANY else ""
        print(f"{name:16}{columns}{verdict}", flush=True)


def median_of(name: str, series: list[dict[str, float]]) -> float | None:
    """Return the median of what rounds have of a figure; None if none has it."""
    found = [one[name] for one in series if name in one]
    return statistics.median(found) if found else None


def shown(name: str, value: float | None) -> str:
    """Return a median as the table has it."""
    if value is None:
        return "-"
    return f"over {value:g}" if name == "wall_s" and value == SECONDS else f"{value:.2f}"


def judged(name: str, medians: dict[str, float | None]) -> str:
    """Return a figure's ratio to bare aiohttp's, and whether it is as good as it shall be."""
    bare, ours = medians.get(BARE), medians.get(OURS)
    ratio = f"{ours / bare:8.2f}" if bare and ours is not None else " " * 8
    if name in TOLD or ours is None:
        return ratio
    if name in LIMITS:
        return f"{ratio}  {LIMITS[name]:g} {'✓' if ours <= LIMITS[name] else '✗'}"
    if bare is None:
        return ratio
    return f"{ratio}  {GOALS[name]} x {'✓' if ours <= bare * GOALS[name] else '✗'}"


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
    return port


def wait_for(port: int) -> None:
    """Return when somebody listens."""
    for _ in range(500):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except ConnectionRefusedError:
            time.sleep(0.02)
        else:
            return
    sys.exit("the server did not start")


if __name__ == "__main__":
    sys.exit(main())
