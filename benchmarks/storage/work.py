"""One client in this interpreter, which is the client's own; prints one line of JSON."""

from __future__ import annotations

import asyncio
import importlib
import importlib.metadata
import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

from place import LARGE_BYTES, LARGE_OBJECTS, LISTED_OBJECTS, SMALL_BYTES, SMALL_OBJECTS, Place

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

IN_FLIGHT = 64
LARGE_IN_FLIGHT = 16


async def main(peer: str, size: int, place: Place) -> None:
    """Measure everything once, after everything was done once to warm up."""
    module = importlib.import_module(f"peers.{peer}")
    body = os.urandom(SMALL_BYTES)
    figures: dict[str, float] = {}
    async with module.opened(place) as client:

        async def get(n: int) -> None:
            _check(await client.get(f"small/{n % SMALL_OBJECTS:04d}"), SMALL_BYTES)

        async def put(n: int) -> None:
            await client.put(f"written/{n % SMALL_OBJECTS:04d}", body)

        async def head(n: int) -> None:
            await client.head(f"small/{n % SMALL_OBJECTS:04d}")

        async def large(n: int) -> None:
            _check(await client.get(f"large/{n % LARGE_OBJECTS:02d}"), LARGE_BYTES)

        for name, operation in (("get", get), ("put", put), ("head", head)):
            await _timed(operation, SMALL_OBJECTS, IN_FLIGHT)  # connections, signatures
            seconds, cpu = await _timed(operation, size, IN_FLIGHT)
            figures[f"{name}_rate"] = size / seconds
            figures[f"{name}_cpu"] = cpu / size * 1e3

        async def listed(_: int) -> None:
            _check(await client.list("listed/"), LISTED_OBJECTS)

        await listed(0)
        figures["list_seconds"], figures["list_cpu"] = await _timed(listed, 1, 1)
        await _timed(large, LARGE_IN_FLIGHT, LARGE_IN_FLIGHT)
        seconds, cpu = await _timed(large, LARGE_OBJECTS, LARGE_IN_FLIGHT)
        figures["large_rate"] = LARGE_BYTES * LARGE_OBJECTS / seconds / 1e6
        figures["large_cpu"] = cpu / LARGE_OBJECTS * 1e3
    said: dict[str, Any] = {"figures": figures, "version": _version(module.DISTRIBUTION)}
    print(json.dumps(said), flush=True)


async def _timed(
    operation: Callable[[int], Awaitable[None]], count: int, in_flight: int
) -> tuple[float, float]:
    """Return the seconds and the CPU seconds of this process that operations took."""
    numbers = iter(range(count))

    async def one_after_the_other() -> None:
        for number in numbers:
            await operation(number)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one_after_the_other() for _ in range(in_flight)))
    return time.perf_counter() - wall, time.process_time() - cpu


def _check(found: int, expected: int) -> None:
    if found != expected:
        sys.exit(f"it gave {found}, not {expected}")


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:  # run from its sources
        return None


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), Place(**json.loads(sys.argv[3]))))
