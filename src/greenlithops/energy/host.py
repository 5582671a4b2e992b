"""A thread with an event loop in which blocks of plain code have their energy sampled.

It begins with the first block and ends a little after the last, so that a measured function that is
called in a loop does not open the meter each time.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlithops.energy.sharing import shared_sampler

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

    from greenlithops.energy.sampler import EnergySampler
    from greenlithops.energy.window import EnergyWindow

LINGER = 0.5  #: seconds that the thread and its meter stay after the last block


@dataclass(frozen=True, slots=True)
class Ticket:
    """An open window, and what it was opened with."""

    window: EnergyWindow


class Host:
    """Runs the samplers of blocks in plain code."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._samplers: dict[str, asyncio.Task[EnergySampler]] = {}
        self._stack = AsyncExitStack()
        self._end: asyncio.TimerHandle | None = None

    def open(self, meter: str) -> Future[Ticket]:
        """Open a window; the future has it within milliseconds, or the error of the meter."""
        with self._lock:
            self._users += 1
            loop = self._running()
        opening = asyncio.run_coroutine_threadsafe(self._open(meter), loop)
        opening.add_done_callback(self._opened)
        return opening

    def close(self, ticket: Future[Ticket], settle: Callable[[Ticket], None]) -> Future[None]:
        """Have `settle` called with the window, in the host's thread, and let it go."""

        async def finish() -> None:
            opened = await asyncio.wrap_future(ticket)  # if it failed, `_opened` has left
            try:
                settle(opened)
            finally:
                self._leave()

        assert self._loop is not None  # noqa: S101 - there is a user
        return asyncio.run_coroutine_threadsafe(finish(), self._loop)

    def _opened(self, opening: Future[Ticket]) -> None:
        if opening.cancelled() or opening.exception() is not None:
            self._leave()

    def _running(self) -> asyncio.AbstractEventLoop:
        """Return the loop, which is started if there is none; the lock is held."""
        if self._loop is None:
            self._loop = loop = asyncio.new_event_loop()
            self._samplers, self._stack = {}, AsyncExitStack()
            self._thread = threading.Thread(
                target=_serve, args=(loop,), name="greenlithops-energy", daemon=True
            )
            self._thread.start()
        return self._loop

    async def _open(self, meter: str) -> Ticket:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        task = self._samplers.get(meter)
        if task is None:
            opening = self._stack.enter_async_context(shared_sampler(meter))
            task = self._samplers[meter] = asyncio.ensure_future(opening)
        try:
            sampler = await asyncio.shield(task)
        except BaseException:
            self._samplers.pop(meter, None)
            raise
        return Ticket(sampler.open_window(observer=True))

    def _leave(self) -> None:
        with self._lock:
            self._users -= 1
            loop = self._loop
        if loop is not None and not self._users:
            loop.call_soon_threadsafe(self._linger, loop)

    def _linger(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._end is not None:
            self._end.cancel()
        self._end = loop.call_later(LINGER, self._retire, loop)

    def _retire(self, loop: asyncio.AbstractEventLoop) -> None:
        """End the thread, unless somebody has come back."""
        self._end = None
        with self._lock:
            if self._users:
                return
            self._loop = self._thread = None
            stack = self._stack

        async def end() -> None:
            await stack.aclose()
            loop.stop()

        self._ending = loop.create_task(end())  # kept, lest it be collected

    def stop(self) -> None:
        """End the thread now, with the program."""
        with self._lock:
            loop, thread, self._users = self._loop, self._thread, 0
        if loop is not None and thread is not None:
            loop.call_soon_threadsafe(self._retire, loop)
            thread.join(1.0)


_host = Host()
atexit.register(lambda: shared_host().stop())  # that of the process that ends, a fork perhaps


def shared_host() -> Host:
    """Return the one host of this process."""
    return _host


def _forget() -> None:
    """Begin anew in a forked process, where the host's thread does not exist."""
    global _host  # noqa: PLW0603 - one for each process is its meaning
    _host = Host()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.close()
