"""The push channel of an executor: opened when it is first needed, by all who need it."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from greenlithops.monitoring.names import opened

if TYPE_CHECKING:
    from greenlithops.monitoring.channel import Channel, Place


class SharedChannel:
    """One channel for all parts of an executor.

    Args:
        place: which one; None: there is none, and who waits has to look.
    """

    def __init__(self, place: Place | None) -> None:
        self.place = place
        self._stack = AsyncExitStack()
        self._channel: Channel | None = None
        self._opening = asyncio.Lock()

    async def get(self) -> Channel | None:
        """Return the open channel, or None if there is none.

        Raises:
            BackendNotFound: what it needs is not installed.
            ConfigurationError: it cannot be made with its options.
        """
        if self.place is None:
            return None
        async with self._opening:
            if self._channel is None:
                self._channel = await self._stack.enter_async_context(opened(self.place))
        return self._channel

    async def close(self) -> None:
        """Close it, if it was opened."""
        await self._stack.aclose()
        self._channel = None


@runtime_checkable
class SupportsNews(Protocol):
    """A backend to which services may tell by a push channel that there is a reply."""

    @property
    def news(self) -> tuple[str, dict[str, Any], str] | None:
        """What services tell: the channel's name, its options and the topic; None: nothing."""
        ...

    def hear(self, channel: SharedChannel) -> None:
        """Take note of the channel, before this is opened."""
        ...
