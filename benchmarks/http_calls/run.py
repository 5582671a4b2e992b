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
RESULTS = HERE.parents[1] / ".bench" / "http_calls.json"
WAYS = ("aiohttp", "greenlithops")
SECONDS = 300.0
GOALS = {"wall_s": 1.15, "cpu_s": 1.15}  #: times bare aiohttp, at most
LIMITS = {"kib_per_call": 13.0, "lag_p99_ms": 20.0, "first_ms": 10.0}


def main() -> int:
    """Run what the command line asks for, print the table and write every round as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rounds: dict[str, list[dict[str, float]]] = {}
    port = free_port()
    server = subprocess.Popen([sys.executable, str(HERE / "server.py"), str(port)])
    try:
        wait_for(port)
        for calls in options.calls:
            for _ in range(options.rounds):
                for way in WAYS:
                    figures = one_round(way, port, calls)
                    rounds.setdefault(f"{way} {calls}", []).append(figures)
            report(calls, rounds)
    finally:
        server.kill()
        server.wait()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    (RESULTS.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    RESULTS.write_text(json.dumps(rounds, indent=2) + "\n", encoding="utf-8")
    print(f"\nevery round: {RESULTS}")
    return 0


def one_round(way: str, port: int, calls: int) -> dict[str, float]:
    """Return the figures of one client, in a fresh process."""
    command = [sys.executable, str(HERE / "client.py"), way, str(port), str(calls)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    if said.returncode:
        sys.exit(f"{way} failed: {said.stderr.strip().splitlines()[-1]}")
    figures: dict[str, float] = json.loads(said.stdout)
    return figures


def report(calls: int, rounds: dict[str, list[dict[str, float]]]) -> None:
    """Print the medians for a number of calls, with what ours is of bare aiohttp's."""
    print(f"\n{calls:,} calls of one second at once (medians)")
    print(f"{'':16}{'aiohttp':>10}{'greenlithops':>14}{'ratio':>8}  goal")
    bare, ours = (rounds[f"{way} {calls}"] for way in WAYS)
    for name in bare[0]:
        one, other = (statistics.median(r[name] for r in series) for series in (bare, ours))
        goal = f"{GOALS[name]} x" if name in GOALS else f"{LIMITS[name]:g}"
        kept = other <= one * GOALS[name] if name in GOALS else other <= LIMITS[name]
        mark = "✓" if kept else "✗"
        print(f"{name:16}{one:10.2f}{other:14.2f}{other / one:8.2f}  {goal} {mark}", flush=True)


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
