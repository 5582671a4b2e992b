"""Where functions in workers read from storages: a loop in a thread, there while readers are open.

Functions are not coroutines, and coroutines of workers end with their loops; connections shall
outlast both, so that calls share them, and be closed when nobody has read for a moment.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from concurrent.futures import Future

    from greenlithops.storage.async_storage import AsyncStorage

LINGER = 1.0  #: seconds that connections are kept for the next reader


class Traffic:
    """The loop and the open storages of this process; see `traffic`."""

    def __init__(self) -> None:
        self.readers = 0
        self.ended = False
        self._pid = os.getpid()
        # The standard loop: what counts is the transfer, and uvloop is another import.
        self._loop = asyncio.SelectorEventLoop()
        self._quiet = asyncio.Event()
        self._stack = AsyncExitStack()
        self._storages: dict[bytes | str, AsyncStorage] = {}
        threading.Thread(target=self._run, name="greenlithops-traffic", daemon=True).start()

    def begin(
        self, spec: bytes | str, operation: Callable[[AsyncStorage], Coroutine[Any, Any, bytes]]
    ) -> Future[bytes]:
        """Begin an operation of a storage; `spec` is the storage, pickled, or its name."""
        return asyncio.run_coroutine_threadsafe(self._operate(spec, operation), self._loop)

    async def _operate(
        self, spec: bytes | str, operation: Callable[[AsyncStorage], Coroutine[Any, Any, bytes]]
    ) -> bytes:
        storage = self._storages.get(spec)
        if storage is None:
            storage = self._storages[spec] = _storage(spec)
            self._stack.push_async_callback(storage.close)
        return await operation(storage)

    def left(self) -> None:
        """Take note that a reader has been closed."""
        if os.getpid() != self._pid:
            return
        with _lock:
            self.readers -= 1
            if not self.readers:
                self._loop.call_soon_threadsafe(self._quiet.set)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        async with self._stack:
            while not self.ended:
                await self._quiet.wait()
                self._quiet.clear()
                await asyncio.sleep(LINGER)
                self._end_if_unused()

    def _end_if_unused(self) -> None:
        global _traffic  # noqa: PLW0603 - the one of this process
        with _lock:
            if not self.readers:
                self.ended = True
                if _traffic is self:
                    _traffic = None


def _storage(spec: bytes | str) -> AsyncStorage:
    if isinstance(spec, str):
        from greenlithops.storage.async_storage import AsyncStorage  # noqa: PLC0415 - if needed

        return AsyncStorage(spec)
    storage: AsyncStorage = pickle.loads(spec)
    return storage


_lock = threading.Lock()
_traffic: Traffic | None = None


def traffic() -> Traffic:
    """Return the traffic of this process, for one more reader; call `left` when it is closed."""
    global _traffic  # noqa: PLW0603 - the one of this process
    with _lock:
        if _traffic is None:
            _traffic = Traffic()
        _traffic.readers += 1
        return _traffic


def _forget() -> None:
    """In a forked child: the thread is not here, and somebody may have held the lock."""
    global _lock, _traffic
    _lock, _traffic = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
