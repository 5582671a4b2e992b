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

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from environments import python_of

RESULTS = ROOT / ".bench" / "http_calls.json"
BARE, OURS, LITHOPS = "aiohttp", "greenlithops", "lithops"
SECONDS = 300.0  #: for one round
FEW = 1_000  #: calls of which Lithops makes every round
#: calls, seconds that each takes, and the ways; the last has them all in flight at a time
SHAPES = (
    (1_000, 1.0, (BARE, OURS, LITHOPS)),
    (10_000, 1.0, (BARE, OURS, LITHOPS)),
    (10_000, 15.0, (BARE, OURS)),
)
GOALS = {"wall_s": 1.15, "cpu_s": 1.15}  #: times bare aiohttp, at most
LIMITS = {"kib_per_call": 13.0, "lag_p99_ms": 20.0, "first_ms": 10.0}
TOLD = ("in_flight", "threads")  #: figures without a goal

Rounds = dict[str, list[dict[str, float]]]  #: by way


def main() -> int:
    """Run what the command line asks for, print the tables and write every round as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--without", nargs="*", default=[], choices=[BARE, LITHOPS])
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    found: dict[str, Rounds] = {}
    port = free_port()
    server = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(port)])
    try:
        wait_for(port)
        for calls, seconds, ways in SHAPES:
            if calls not in options.calls:
                continue
            rounds: Rounds = {way: [] for way in ways if way not in options.without}
            for _ in range(options.rounds):
                for way, series in rounds.items():
                    if way != LITHOPS or calls <= FEW or not series:  # minutes, of 10,000 calls
                        series.append(one_round(way, port, calls, seconds))
            found[f"{calls} calls of {seconds:g} s"] = rounds
            report(calls, seconds, rounds)
    finally:
        server.kill()
        server.wait()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    (RESULTS.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    RESULTS.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    print(f"\nevery round: {RESULTS}")
    return 0


def one_round(way: str, port: int, calls: int, seconds: float) -> dict[str, float]:
    """Return the figures of one client, in a fresh process."""
    if way == LITHOPS:
        command = [str(python_of(LITHOPS, ROOT)), str(HERE / "lithops_client.py")]
    else:
        command = [sys.executable, str(HERE / "client.py"), way]
    command += [str(port), str(calls), str(seconds)]
    try:
        said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        print(f"{way} has not made {calls:,} calls in {SECONDS:g} s", file=sys.stderr)
        return {"wall_s": SECONDS}
    if said.returncode:
        sys.exit(f"{way} failed: {said.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(said.stdout.strip().splitlines()[-1])
    return figures


def report(calls: int, seconds: float, rounds: Rounds) -> None:
    """Print the medians for a number of calls, with what ours is of bare aiohttp's."""
    print(f"\n{calls:,} calls of {seconds:g} s at once (medians)")
    heads = "".join(f"{way:>14}" for way in rounds)
    print(f"{'':16}{heads}{'ratio':>8}  goal")
    names = list(dict.fromkeys(name for series in rounds.values() for name in series[0]))
    for name in names:
        medians = {
            way: statistics.median(r[name] for r in series) if name in series[0] else None
            for way, series in rounds.items()
        }
        columns = "".join(f"{'-' if one is None else f'{one:.2f}':>14}" for one in medians.values())
        print(f"{name:16}{columns}{judged(name, medians)}", flush=True)


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
