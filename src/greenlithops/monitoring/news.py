"""Waits for news of a topic, or until it is time to look without any."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from typing import TYPE_CHECKING

from greenlithops.errors import ChannelError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.monitoring.channel import Channel

log = logging.getLogger("greenlithops.monitoring")


class News:
    """Whether something has been said since the last look.

    Without a channel, or when it fails, there is only the time: `listening` is False then.
    """

    def __init__(self) -> None:
        self.listening = False
        self._told = asyncio.Event()

    async def wait(self, seconds: float) -> bool:
        """Wait for news, at most so long; return whether there was any."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._told.wait()
        told = self._told.is_set()
        self._told.clear()
        return told

    async def _listen(self, channel: Channel, topic: str) -> None:
        try:
            async with channel.listen(topic) as subscription:
                self.listening = True
                self._told.set()  # what was said before is not told again: look now
                while True:
                    await subscription.receive()
                    self._told.set()
        except ChannelError as error:
            log.warning("news of %s are looked for in storage: %s", topic, error)
        finally:
            self.listening = False


@contextlib.asynccontextmanager
async def news_of(channel: Channel | None, topic: str) -> AsyncIterator[News]:
    """Give what tells of news, in ``async with``.

    Args:
        channel: where they come from; None: only the time tells.
        topic: what about.
    """
    news = News()
    if channel is None:
        yield news
        return
    task = asyncio.create_task(news._listen(channel, topic), name=f"news of {topic}")  # noqa: SLF001 - its own task
    try:
        yield news
    finally:
        task.cancel()
        await asyncio.wait([task])
