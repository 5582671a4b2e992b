"""Bounds on time that hold on a busy machine too."""

import asyncio
import contextlib
import time

SOON = 2.0  #: seconds within which a cause must have its effect
START = 10.0  #: seconds within which workers have started on any machine


@contextlib.asynccontextmanager
async def soon(seconds=SOON):
    """Fail if what is inside takes longer; never wait for ever."""
    began = time.monotonic()
    try:
        async with asyncio.timeout(seconds + 3):
            yield
    except TimeoutError as error:
        if time.monotonic() - began < seconds + 3:
            raise
        raise AssertionError("this hung") from error
    took = time.monotonic() - began
    assert took < seconds, f"this took {took:.1f} s, not under {seconds} s"


async def eventually(condition, seconds=START):
    """Wait until something is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "this never came to be"
        await asyncio.sleep(0.005)
