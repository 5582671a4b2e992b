"""Tells who follows a job that there is news of it, beside the recording and never in its way."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from greenlithops.errors import ChannelError

if TYPE_CHECKING:
    from greenlithops.monitoring.shared import SharedChannel

log = logging.getLogger("greenlithops.monitoring")


class Telling:
    """Sends a hint for each record that was written; one at a time, the latest says it all.

    Args:
        channel: where to.
        job: the topic.
    """

    def __init__(self, channel: SharedChannel, job: str) -> None:
        self._channel = channel
        self._job = job
        self._sending: asyncio.Task[None] | None = None
        self._again = False
        self._failed = False

    def tell(self) -> None:
        """Say soon that there is something new."""
        if self._channel.place is None or self._failed:
            return
        self._again = True
        if self._sending is None or self._sending.done():
            self._sending = asyncio.create_task(self._send(), name=f"telling of {self._job}")

    async def end(self) -> None:
        """Wait until the last hint is sent, or cannot be."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    async def _send(self) -> None:
        try:
            channel = await self._channel.get()
            while self._again and channel is not None:
                self._again = False
                await channel.send(self._job, [b"news"])
        except ChannelError as error:
            self._failed = True
            log.warning("who follows %s is not told of news, and looks: %s", self._job, error)
