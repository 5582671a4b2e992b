"""Bounds on time that hold on a busy machine too."""

import asyncio
import contextlib
import time

SOON = 2.0  #: seconds within which a cause has its effect
BUSY = 30.0  #: seconds that a machine with much else to do may add to any bound


@contextlib.asynccontextmanager
async def soon(seconds=SOON):
    """Fail if what is inside takes longer, and what a busy machine adds; never wait for ever."""
    began, limit = time.monotonic(), seconds + BUSY
    try:
        async with asyncio.timeout(limit):
            yield
    except TimeoutError as error:
        if time.monotonic() - began < limit:
            raise
        raise AssertionError("this hung") from error
    took = time.monotonic() - began
    assert took < limit, f"this took {took:.1f} s, not under {limit} s"


async def eventually(condition, seconds=SOON):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds + BUSY
    while not condition():
        assert time.monotonic() < deadline, "this never came to be"
        await asyncio.sleep(0.005)
