"""The first worker starts while its client is getting ready, whatever comes of that."""

import asyncio
import contextlib
import os
import signal

import psutil
import pytest

from greenlithops import AsyncExecutor
from greenlithops.backends.compute.localhost import LocalhostBackend
from greenlithops.errors import GreenlithopsError
from greenlithops.offload import off_loop


def children():
    """Return the workers; the tests' servers are children of this process, too."""
    found = set()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):  # it ends just now
            if "greenlithops.worker.process" in " ".join(child.cmdline()):
                found.add(child)
    return found


class Struck(LocalhostBackend):
    """Its first worker is killed before anybody knows of it."""

    async def __aenter__(self):
        before = await off_loop(children)
        await super().__aenter__()
        for child in await off_loop(children) - before:
            os.kill(child.pid, signal.SIGKILL)
        return self


async def test_it_is_the_one_that_is_used():
    async with LocalhostBackend() as backend:
        (child,) = await off_loop(children)
        ended = asyncio.get_running_loop().create_future()
        worker = backend.start_worker(ended.set_result)
        assert worker.pid == child.pid
        worker.kill()
        assert await ended == -signal.SIGKILL
        worker.socket.close()
        worker.close()


async def test_it_ends_unused():
    async with LocalhostBackend():
        (child,) = await off_loop(children)
    assert not child.is_running()


async def test_it_ends_when_the_executor_cannot_be_opened():
    with pytest.raises(GreenlithopsError, match="no-such-meter"):
        async with AsyncExecutor(energy="no-such-meter"):
            pass
    assert not await off_loop(children)


async def test_another_one_takes_its_place():
    async with AsyncExecutor(Struck(), max_workers=1) as executor:
        assert await executor.submit(abs, -1) == 1
    assert not await off_loop(children)
