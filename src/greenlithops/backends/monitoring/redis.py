"""News through Redis: a stream for each topic, which is there as long as somebody listens.

All who listen read the same stream, each from where it stands, so nothing is lost when a
connection is. Nobody's stream grows: what is sent to a topic that has no stream is dropped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

from redis import exceptions
from redis.asyncio import Redis, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from greenlithops.backends.state.address import configured
from greenlithops.errors import ChannelError, ChannelUnavailable
from greenlithops.monitoring.inbox import inbox
from greenlithops.monitoring.patience import FIRST_PAUSE, insist

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType

    from greenlithops.monitoring.inbox import Inbox

TURN = 20.0  #: seconds that a read waits on the server
MARGIN = 10.0  #: seconds that an answer may take besides
LIFE = 120  #: seconds for which a stream that nobody reads is kept
AT_ONCE = 1000
KEPT = 1_000_000  #: messages of a topic that wait for a slow listener, about
_REFUSED = (exceptions.AuthenticationError, exceptions.NoPermissionError)
_LOST = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.BusyLoadingError,
    OSError,
)


class RedisChannel:
    """News through a server of Redis' protocol, version 6.2 or later.

    Args:
        options: those of the section ``redis`` of a configuration: of `redis.Redis`.

    Raises:
        ConfigurationError: they do not say where the server is.
    """

    name = "redis"
    limit = 1 << 20

    def __init__(self, **options: Any) -> None:
        self._address = configured(options)
        self._redis: Any = None

    async def __aenter__(self) -> Self:
        options = {
            "socket_connect_timeout": 5.0,
            "socket_timeout": TURN + MARGIN,
            **self._address.options,
            "retry": Retry(NoBackoff(), 0),  # attempts are counted here
            "driver_info": None,  # else it reads its own version from files
        }
        kind: Any = RedisCluster if self._address.cluster else Redis
        self._redis = kind(**options)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._redis.aclose()

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages: see `greenlithops.monitoring.channel.Channel`."""
        key = _key(topic)

        async def attempt() -> None:
            async with self._redis.pipeline(transaction=False) as pipe:
                for message in messages:
                    pipe.xadd(key, {"m": message}, maxlen=KEPT, approximate=True, nomkstream=True)
                await pipe.execute()

        await self.insist(attempt)

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Inbox]:
        """Listen: see `greenlithops.monitoring.channel.Channel`."""
        reader = Reader(self, self._redis, _key(topic))
        await self.insist(reader.begin)
        async with inbox(reader.read) as subscription:
            yield subscription

    async def insist(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Do something that may be repeated, as long as there is patience for it."""

        async def translated() -> None:
            try:
                await attempt()
            except (RedisError, OSError) as error:
                raise self.failed(error) from error

        await insist(translated)

    def failed(self, error: Exception) -> ChannelError:
        """Return what an error of redis-py means."""
        place = self._address.place
        if isinstance(error, _REFUSED) or not isinstance(error, _LOST):
            return ChannelError(f"Redis at {place} refuses: {error}")
        return ChannelUnavailable(f"Redis at {place} is not reached: {error}")


class Reader:
    """Where a listener stands in a stream."""

    def __init__(self, channel: RedisChannel, redis: Any, key: str) -> None:
        self._channel = channel
        self._redis = redis
        self._key = key
        self._last = b"0"
        self._renewed = 0.0

    async def begin(self) -> None:
        """Make the stream if there is none, and stand at its end."""
        last = await self._redis.xadd(self._key, {"": ""})
        await self._redis.expire(self._key, LIFE)
        self._last, self._renewed = last, time.monotonic()

    async def read(self) -> list[bytes]:
        """Wait for messages, and return them; none if some may be missing."""
        try:
            return await self._messages()
        except (RedisError, OSError) as error:
            failure = self._channel.failed(error)
            if not isinstance(failure, ChannelUnavailable):
                raise failure from error
        await asyncio.sleep(FIRST_PAUSE)
        await self._channel.insist(self._resume)
        return []

    async def _messages(self) -> list[bytes]:
        while True:
            if time.monotonic() - self._renewed > TURN / 2 and not await self._resume():
                return []
            found = await self._redis.xread({self._key: self._last}, AT_ONCE, int(TURN * 1000))
            streams = found.values() if isinstance(found, dict) else [one[1] for one in found or ()]
            for entries in streams:
                entries = entries[0] if entries and isinstance(entries[0], list) else entries  # noqa: PLW2901 - RESP3 nests
                self._last = entries[-1][0]
                messages = [fields[b"m"] for _, fields in entries if b"m" in fields]
                if messages:
                    return messages

    async def _resume(self) -> bool:
        """Keep the stream; return whether it was there, or had to be made again."""
        there = bool(await self._redis.expire(self._key, LIFE))
        if not there:
            await self.begin()
        self._renewed = time.monotonic()
        return there


def _key(topic: str) -> str:
    return f"greenlithops:news:{topic}"
