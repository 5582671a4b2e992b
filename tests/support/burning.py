"""Emulated counters of a machine that burns steadily, for whoever reads them meanwhile."""

import asyncio
import contextlib
import os

PERIOD = 0.02


@contextlib.asynccontextmanager
async def burning(folder, watts):
    """Move the counter of a zone while the block runs; it is whole at any moment.

    Args:
        folder: the zone's.
        watts: what it burns.
    """
    file = os.open(folder / "energy_uj", os.O_WRONLY)
    loop = asyncio.get_running_loop()

    async def burn():
        begin = loop.time()
        while True:
            microjoules = round((loop.time() - begin) * watts * 1e6) + 1000
            os.pwrite(file, f"{microjoules:016d}\n".encode(), 0)
            await asyncio.sleep(PERIOD)

    task = asyncio.create_task(burn())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])
        os.close(file)
