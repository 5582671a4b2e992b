"""Words of 64 objects of 1 MiB, counted by `map_reduce`, beside processes that read files.

Prints what each way took in each round as JSON: by name, ``seconds`` by the clock and
``cpu_seconds`` of all processes. What is counted is the same, with the same function; a round
begins before the workers are started and ends when the sum is there. Our workers run at niceness
5: on a machine that is busy with other things, the clock is against them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from greenlithops import AsyncExecutor, AsyncStorage, ObjectReader

if TYPE_CHECKING:
    from collections.abc import Iterable

OBJECTS, BYTES = 64, 1 << 20
WORDS = 20_000
NAMES = ("greenlithops", "ProcessPoolExecutor")


def counted(file: Iterable[bytes]) -> Counter:
    """Return how often each word is in a binary file."""
    words = Counter()
    for line in file:
        words.update(line.split())
    return words


def of_object(obj: ObjectReader) -> Counter:
    """Count the words of an object."""
    return counted(obj)


def of_file(path: Path) -> Counter:
    """Count the words of a file."""
    with Path(path).open("rb") as file:
        return counted(file)


def merged(counters: Iterable[Counter]) -> int:
    """Return how many words there are altogether."""
    words = Counter()
    for counter in counters:
        words.update(counter)
    return sum(words.values())


def text(seed: int) -> bytes:
    """Return a MiB of lines of words, some of which are frequent."""
    draw = random.Random(seed)
    pool = [f"word{int(draw.paretovariate(1.0)) % WORDS}" for _ in range(5_000)]
    lines = []
    size = 0
    while size < BYTES:
        lines.append(" ".join(draw.choices(pool, k=12)) + "\n")
        size += len(lines[-1])
    return "".join(lines).encode()[:BYTES]


async def ours(storage: AsyncStorage, workers: int) -> tuple[float, int]:
    """Return the seconds of a map_reduce over the objects, and the number of words."""
    start = time.perf_counter()
    async with AsyncExecutor(storage=storage, max_workers=workers) as executor:
        total = await executor.map_reduce(of_object, "corpus/", merged)
        seconds = time.perf_counter() - start
    return seconds, total


def processes(paths: list[Path], workers: int) -> tuple[float, int]:
    """Return the seconds of a ProcessPoolExecutor over files, and the number of words."""
    start = time.perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        total = merged(pool.map(of_file, paths))
        seconds = time.perf_counter() - start
    return seconds, total


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    used = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in used)


async def measure(rounds: int, workers: int, folder: str) -> dict[str, dict[str, list[float]]]:
    """Return what every round of each way took, one after the other."""
    storage = AsyncStorage("localhost", root=Path(folder) / "storage")
    found = {name: {"seconds": [], "cpu_seconds": []} for name in NAMES}
    async with storage:
        await storage.create_bucket("corpus")
        paths = []
        for number in range(OBJECTS):
            content = text(number)
            paths.append(Path(folder) / f"{number:02d}.txt")
            paths[-1].write_bytes(content)
            await storage.put("corpus", paths[-1].name, content)
        for _ in range(rounds):
            totals = set()
            for name in NAMES:
                before = cpu_seconds()
                if name == NAMES[0]:
                    seconds, words = await ours(storage, workers)
                else:
                    seconds, words = await asyncio.to_thread(processes, paths, workers)
                found[name]["seconds"].append(seconds)
                found[name]["cpu_seconds"].append(cpu_seconds() - before)
                totals.add(words)
            if len(totals) > 1:
                raise SystemExit(f"these are different numbers of words: {totals}")
    return found


def main() -> None:
    """Measure, and print what was found."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--workers", type=int, default=2)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(chosen.rounds, chosen.workers, folder))
    json.dump(found, sys.stdout)
    print()


if __name__ == "__main__":
    main()
