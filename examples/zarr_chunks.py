"""Statistics of a zarr array in object storage: each call reads its own chunks, by range.

The chunks are packed into larger objects (shards), of which a call fetches only what it needs.
The storage is the configured one, or a folder of this machine: `python zarr_chunks.py [bucket]`.
"""

import asyncio
import itertools
import sys
from typing import Any

import numpy as np
import zarr

import greenlithops as gl

DAYS, ROWS, COLUMNS = 48, 180, 360  #: a grid of one degree
CHUNK = (48, 30, 60)
SHARD = (48, 90, 180)  #: nine chunks in an object

Region = tuple[int, int]


def make(url: str, options: dict[str, Any]) -> None:
    """Write temperatures that are warm at the equator and waver with the days."""
    days, rows, columns = np.ogrid[:DAYS, :ROWS, :COLUMNS]
    latitude = 89.5 - rows
    season = 10 * np.sin(2 * np.pi * days / DAYS) * np.sin(np.radians(latitude))
    kelvin = 300 - 50 * np.sin(np.radians(latitude)) ** 2 + season + np.cos(columns / 10)
    array = zarr.create_array(
        url,
        storage_options=options,
        shape=kelvin.shape,
        dtype="float32",
        chunks=CHUNK,
        shards=SHARD,
        overwrite=True,
    )
    array[:] = kelvin.astype("float32")


def summary(url: str, options: dict[str, Any], region: Region) -> tuple[Region, float, float]:
    """Return the mean and the greatest value of one chunk."""
    array = zarr.open_array(url, mode="r", storage_options=options)
    row, column = region
    block = np.asarray(array[:, row : row + CHUNK[1], column : column + CHUNK[2]])
    return region, float(np.mean(block, dtype="float64")), float(np.max(block))


async def main(bucket: str) -> None:
    """Make the array, summarize its chunks in parallel, and print what was found."""
    storage = gl.Storage()
    options = {"storage_config": storage.config}
    url = f"greenlithops://{bucket}/temperature.zarr"
    await asyncio.to_thread(make, url, options)
    regions = itertools.product(range(0, ROWS, CHUNK[1]), range(0, COLUMNS, CHUNK[2]))
    async with gl.AsyncExecutor() as executor:
        job = executor.map(summary, [(url, options, region) for region in regions])
        found = await job
        print(f"{len(found)} chunks, mean {np.mean([mean for _, mean, _ in found]):.3f} K")
        (row, _), _, warmest = max(found, key=lambda one: one[2])
        print(f"warmest: {warmest:.2f} K between {90 - row} and {90 - row - CHUNK[1]} degrees")
        if job.energy is not None and job.energy.joules is not None:
            print(f"{job.energy.joules:.3g} J {job.energy.kind} ({job.energy.method})")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if len(sys.argv) > 1 else "storage"))
