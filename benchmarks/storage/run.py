"""Compare storage clients side by side in one run, against a real S3 server on loopback."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path[1:1] = [str(HERE.parent), str(ROOT / "tests")]

from peers.greenlithops_storage import opened
from place import (
    LARGE_BYTES,
    LARGE_OBJECTS,
    LISTED_OBJECTS,
    SMALL_BYTES,
    SMALL_OBJECTS,
    Place,
)
from tables import PEERS, Peer, failure, stream_text, text

from environments import PeerEnvironmentError, last_line, python_of
from summary import summarize
from support.servers import start_seaweedfs
from support.servers.environment import ensure
from support.servers.process import Guard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from summary import Summary

RESULTS = ROOT / ".bench" / "storage.json"
SECONDS = 300.0  #: a client that takes longer for one round has failed


def main() -> int:
    """Run what the command line asks for, print the table and write every round as JSON."""
    options = _options()
    size = 500 if options.quick else 2_000
    rounds = options.rounds or (1 if options.quick else 3)
    record: dict[str, Any] = {"machine": _machine(), "size": size, "rounds": []}
    with _server() as place:
        asyncio.run(_filled(place))
        for number in range(1, rounds + 1):
            first = number % len(PEERS)  # who comes after whom shall not be always the same
            for key, peer in [*PEERS.items()][first:] + [*PEERS.items()][:first]:
                said = _round(peer, size, place)
                record["rounds"].append({"peer": key, **said})
                shown = said.get("failure") or _short(said["figures"])
                print(f"{number}/{rounds} {peer.label}: {shown}", file=sys.stderr, flush=True)
        if options.stream:
            record["stream"] = _stream(options.stream, place)
    _write(options.json, record)
    summaries = _summaries(record["rounds"])
    record["summary"] = {
        peer: {name: asdict(summary) for name, summary in found.items()}
        for peer, found in summaries.items()
    }
    _write(options.json, record)
    print(text(summaries))
    print("\n".join(failure(said) for said in record["rounds"] if "failure" in said))
    if options.stream:
        print(stream_text(options.stream, record["stream"]))
    print(f"every round: {options.json}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, help="rounds (default: 3)")
    parser.add_argument("--quick", action="store_true", help="fewer operations, one round")
    parser.add_argument("--stream", type=float, default=10.0, help="GiB of the stream; 0 for none")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where every round is written")
    return parser.parse_args()


@contextmanager
def _server() -> Iterator[Place]:
    ensure()
    guard = Guard()
    with tempfile.TemporaryDirectory(prefix="bench-storage-") as folder:
        server = start_seaweedfs(Path(folder) / "seaweedfs", guard)
        try:
            yield Place(server.endpoint, server.user, server.secret, "benchmark")
        finally:
            server.kill()
            guard.close()


async def _filled(place: Place) -> None:
    """Put the objects that are got, asked for and listed."""
    small, large = os.urandom(SMALL_BYTES), os.urandom(LARGE_BYTES)
    async with opened(place) as client:
        await client.storage.create_bucket(place.bucket)
        await asyncio.gather(
            *(client.put(f"small/{n:04d}", small) for n in range(SMALL_OBJECTS)),
            *(client.put(f"listed/{n:05d}", b"listed") for n in range(LISTED_OBJECTS)),
        )
        for n in range(LARGE_OBJECTS):
            await client.put(f"large/{n:02d}", large)


def _round(peer: Peer, size: int, place: Place) -> dict[str, Any]:
    """Return the figures of one client in a fresh process, or why there are none."""
    try:
        python = python_of(peer.environment, ROOT)
    except PeerEnvironmentError as error:
        return {"failure": f"its environment: {error}"}
    count = size // peer.fewer
    return _probe(python, "work.py", peer.adapter, str(count), json.dumps(asdict(place)))


def _stream(gibibytes: float, place: Place) -> dict[str, Any]:
    return _probe(sys.executable, "stream.py", str(gibibytes), json.dumps(asdict(place)))


def _probe(python: Path | str, *arguments: str) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bench-home-") as home:
        try:
            done = subprocess.run(
                [str(python), HERE / arguments[0], *arguments[1:]],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
                env={**os.environ, "HOME": home, "TMPDIR": home},
            )
        except subprocess.TimeoutExpired:
            return {"failure": f"took more than {SECONDS:g} s"}
    if done.returncode:
        return {"failure": last_line(done.stderr) or f"exit {done.returncode}"}
    found: dict[str, Any] = json.loads(last_line(done.stdout))
    return found


def _summaries(rounds: list[dict[str, Any]]) -> dict[str, dict[str, Summary]]:
    return {
        peer: summarize(
            [said["figures"] for said in rounds if said["peer"] == peer and "figures" in said]
        )
        for peer in PEERS
    }


def _short(figures: dict[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in figures.items())


def _machine() -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
    }


def _write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path == RESULTS:
        # Figures of one machine are nobody else's: the folder keeps itself out of the repository.
        (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
