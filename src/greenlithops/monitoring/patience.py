"""How often, and how long, a server of a channel is tried again."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from greenlithops.errors import ChannelUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.05, 1.0
PATIENCE = 5.0  #: seconds for which a server that is not reached is tried again


async def insist(attempt: Callable[[], Awaitable[T]]) -> T:
    """Return what an attempt gives; try again while the server is not reached.

    Raises:
        ChannelUnavailable: it was not reached for `PATIENCE` seconds.
    """
    clock = asyncio.get_running_loop().time
    end = clock() + PATIENCE
    pause = FIRST_PAUSE
    while True:
        try:
            return await attempt()
        except ChannelUnavailable:
            if clock() + pause > end:
                raise
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
