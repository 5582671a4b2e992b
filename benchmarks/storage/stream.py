"""A stream of many GiB through one process: how fast, and by how much the process grows."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from typing import TYPE_CHECKING

import psutil
from peers.greenlithops_storage import opened
from place import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOCK = os.urandom(1 << 20)


async def main(gibibytes: float, place: Place) -> None:
    """Write and read one object, and print the figures."""
    blocks = int(gibibytes * 1024)
    process = psutil.Process()
    peak = 0

    def look() -> None:
        nonlocal peak
        peak = max(peak, process.memory_info().rss)

    async def source() -> AsyncIterator[bytes]:
        for _ in range(blocks):
            look()
            yield BLOCK

    async with opened(place) as client:
        storage = client.storage
        await storage.put(place.bucket, "stream/warm", BLOCK)
        await storage.get(place.bucket, "stream/warm")
        before = process.memory_info().rss
        start = time.perf_counter()
        await storage.put(place.bucket, "stream/large", source())
        written = time.perf_counter() - start
        start = time.perf_counter()
        count = 0
        async for piece in storage.stream(place.bucket, "stream/large"):
            count += len(piece)
            look()
        read = time.perf_counter() - start
        grown = peak - before
        await storage.delete(place.bucket, "stream/large")
    if count != blocks << 20:
        sys.exit(f"{count} bytes came back, not {blocks << 20}")
    figures = {"up": count / written / 1e6, "down": count / read / 1e6, "growth": grown / 2**20}
    print(json.dumps({"figures": figures}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), Place(**json.loads(sys.argv[2]))))
