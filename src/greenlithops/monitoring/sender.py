"""Sends from code that has no event loop, such as a worker's."""

from __future__ import annotations

import asyncio
import atexit
import json
import os
import threading
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from greenlithops.monitoring.names import opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.monitoring.channel import Channel, Place

_senders: dict[str, Sender] = {}
_lock = threading.Lock()


def sender(place: Place) -> Sender:
    """Return this process' sender to a place: one for all its threads, closed at its end."""
    key = json.dumps([os.getpid(), place.name, place.options], sort_keys=True, default=str)
    with _lock:
        if key not in _senders:
            _senders[key] = Sender(place)
            atexit.register(_senders[key].close)
        return _senders[key]


class Sender:
    """Sends to one place, by an event loop of its own in a thread of its own.

    Args:
        place: where to.
    """

    def __init__(self, place: Place) -> None:
        self._place = place
        self._stack = AsyncExitStack()
        self._channel: Channel | None = None
        self._opening: asyncio.Lock | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="glo-sender", daemon=True)
        self._thread.start()

    def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages, as `Channel.send` does, and return when the server has them."""
        asyncio.run_coroutine_threadsafe(self._send(topic, messages), self._loop).result()

    async def _send(self, topic: str, messages: Sequence[bytes]) -> None:
        if self._opening is None:
            self._opening = asyncio.Lock()
        async with self._opening:
            if self._channel is None:
                self._channel = await self._stack.enter_async_context(opened(self._place))
        await self._channel.send(topic, messages)

    def close(self) -> None:
        """Close the connections and end the thread."""
        if self._thread.is_alive():
            asyncio.run_coroutine_threadsafe(self._stack.aclose(), self._loop).result()
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.close()
