"""What has come for somebody who listens: read by a task of its own, so that waits can be given up.

Clients of servers do not all bear to be cancelled in the middle of an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

MOST = 100_000  #: messages that wait here before no more are read
PATIENCE = 0.1  #: seconds between two attempts to end a read


class Inbox:
    """The messages that were read and not yet received; a `Subscription`.

    Args:
        read: waits for messages at the server and returns them; ``[]``: some may be missing.
    """

    def __init__(self, read: Callable[[], Awaitable[list[bytes]]]) -> None:
        self._read = read
        self._messages: list[bytes] = []
        self._error: Exception | None = None
        self._some = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    async def receive(self) -> list[bytes]:
        """Wait for messages: see `greenlithops.monitoring.channel.Subscription`."""
        await self._some.wait()
        messages, self._messages = self._messages, []
        self._room.set()
        if self._error is None:
            self._some.clear()
        elif not messages:
            raise self._error
        return messages

    async def fill(self) -> None:
        """Read until it is cancelled."""
        try:
            while True:
                await self._room.wait()
                found = await self._read()
                self._messages += found
                self._some.set()
                if len(self._messages) > MOST:
                    self._room.clear()
        except Exception as error:  # noqa: BLE001 - it is raised where messages are received
            self._error = error
            self._some.set()


@contextlib.asynccontextmanager
async def inbox(read: Callable[[], Awaitable[list[bytes]]]) -> AsyncIterator[Inbox]:
    """Give an inbox that is filled inside ``async with``."""
    one = Inbox(read)
    task = asyncio.create_task(one.fill(), name="inbox")
    try:
        yield one
    finally:
        # `asyncio.wait_for` may swallow a cancellation before Python 3.12, and clients use it.
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=PATIENCE)
