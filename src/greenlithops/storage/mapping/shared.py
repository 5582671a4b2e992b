"""Storages of coroutine functions: one for all calls of a loop, open while they use it."""

from __future__ import annotations

import asyncio
import pickle
from contextlib import contextmanager
from contextvars import Context
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlithops.storage.async_storage import AsyncStorage

LINGER = 1.0  #: seconds that connections are kept for the next call


class _Shared:
    """A storage, and who uses it."""

    def __init__(self, spec: bytes, others: dict[bytes, _Shared]) -> None:
        self.storage: AsyncStorage = pickle.loads(spec)
        self.users = 0
        self.unused = asyncio.Event()
        # It is nobody's task: no call pays for it, and its output is no call's.
        self.keeping = asyncio.get_running_loop().create_task(
            self._keep(spec, others), name="storage of calls", context=Context()
        )

    async def _keep(self, spec: bytes, others: dict[bytes, _Shared]) -> None:
        try:
            while True:
                await self.unused.wait()
                await asyncio.sleep(LINGER)
                self.unused.clear()
                if not self.users:
                    return
        finally:
            del others[spec]
            await self.storage.close()


_of_loops: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[bytes, _Shared]] = WeakKeyDictionary()


@contextmanager
def shared(spec: bytes) -> Iterator[AsyncStorage]:
    """Give a storage that all calls of the running loop share.

    Args:
        spec: the storage, pickled.
    """
    mine = _of_loops.setdefault(asyncio.get_running_loop(), {})
    if spec not in mine:
        mine[spec] = _Shared(spec, mine)
    share = mine[spec]
    share.users += 1
    try:
        yield share.storage
    finally:
        share.users -= 1
        if not share.users:
            share.unused.set()
