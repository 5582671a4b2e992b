"""A stream of many GiB through one process: how fast, and by how much the process grows."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from typing import TYPE_CHECKING

from peers.greenlithops_storage import opened
from place import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK = os.urandom(1 << 20)


async def main(gibibytes: float, place: Place) -> None:
    """Write and read one object, and print the figures."""
    blocks = int(gibibytes * 1024)

    async def source() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            yield BLOCK

    async with opened(place) as client:
        storage = client.storage
        await storage.put(place.bucket, "stream/warm", BLOCK)
        await storage.get(place.bucket, "stream/warm")
        before = _peak()
        start = time.perf_counter()
        await storage.put(place.bucket, "stream/large", source())
        written = time.perf_counter() - start
        start = time.perf_counter()
        count = 0
        async for piece in storage.stream(place.bucket, "stream/large"):
            count += len(piece)
        read = time.perf_counter() - start
        grown = _peak() - before
        await storage.delete(place.bucket, "stream/large")
    if count != blocks << 20:
        sys.exit(f"{count} bytes came back, not {blocks << 20}")
    figures = {"up": count / written / 1e6, "down": count / read / 1e6, "growth": grown / 2**20}
    print(json.dumps({"figures": figures}), flush=True)


def _peak() -> int:
    """Return the most bytes of memory that this process had so far."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Place(**json.loads(sys.argv[2]))))
