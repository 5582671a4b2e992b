"""News through RabbitMQ: an exchange, and a queue of its own for everybody who listens."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any, Self

import aio_pika
from aio_pika.abc import ExchangeType
from aiormq.exceptions import (
    AMQPConnectionError,
    AMQPError,
    AuthenticationError,
    ProbableAuthenticationError,
)
from yarl import URL

from greenlithops.errors import ChannelError, ChannelUnavailable
from greenlithops.monitoring.inbox import inbox
from greenlithops.monitoring.patience import insist

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType

    from aio_pika.abc import AbstractChannel, AbstractExchange, AbstractIncomingMessage

    from greenlithops.monitoring.inbox import Inbox

EXCHANGE = "greenlithops.news"
CONNECT_SECONDS = 5.0
AT_ONCE = 500  #: messages that are sent before the server has confirmed the first
_REFUSED = (AuthenticationError, ProbableAuthenticationError)
_LOST = (AMQPConnectionError, ConnectionError, TimeoutError, OSError)


class RabbitmqChannel:
    """News through a server of AMQP 0.9.1.

    Args:
        amqp_url: where it is: ``amqp://user:password@host:port/virtual-host``.
    """

    name = "rabbitmq"
    limit = 1 << 20

    def __init__(self, *, amqp_url: str) -> None:
        self._url = amqp_url
        parsed = URL(amqp_url)
        self._place = f"{parsed.host}:{parsed.port or 5672}"
        self._stack = AsyncExitStack()
        self._sending: tuple[AbstractChannel, AbstractExchange] | None = None
        self._connecting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sending = None
        await self._stack.aclose()

    async def connected(self, stack: AsyncExitStack) -> tuple[AbstractChannel, AbstractExchange]:
        """Return a connection of its own, which ends with a stack, and the exchange in it."""
        connection = await aio_pika.connect(self._url, timeout=CONNECT_SECONDS)
        await stack.enter_async_context(connection)
        channel = await connection.channel(publisher_confirms=True)
        exchange = await channel.declare_exchange(EXCHANGE, ExchangeType.DIRECT, durable=True)
        return channel, exchange

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages: see `greenlithops.monitoring.channel.Channel`."""
        left = list(messages)

        async def attempt() -> None:
            async with self._connecting:
                if self._sending is None or self._sending[0].is_closed:
                    await self._stack.aclose()
                    self._sending = await self.connected(self._stack)
                _, exchange = self._sending
            while left:
                now = left[:AT_ONCE]
                # Where nobody listens, it goes to nobody.
                publish = [
                    exchange.publish(aio_pika.Message(body), topic, mandatory=False) for body in now
                ]
                await asyncio.gather(*publish)
                del left[: len(now)]

        await self.insist(attempt)

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Inbox]:
        """Listen: see `greenlithops.monitoring.channel.Channel`."""
        reader = Reader(self, topic)
        try:
            await self.insist(reader.begin)
            async with inbox(reader.read) as subscription:
                yield subscription
        finally:
            await reader.end()

    async def insist(self, attempt: Callable[[], Awaitable[object]]) -> None:
        """Do something that may be repeated, as long as there is patience for it."""

        async def translated() -> None:
            try:
                await attempt()
            except (AMQPError, OSError, TimeoutError) as error:
                raise self._failed(error) from error

        await insist(translated)

    def _failed(self, error: Exception) -> ChannelError:
        if isinstance(error, _REFUSED) or not isinstance(error, _LOST):
            return ChannelError(f"RabbitMQ at {self._place} refuses: {error}")
        return ChannelUnavailable(f"RabbitMQ at {self._place} is not reached: {error}")


class Reader:
    """A queue that is there as long as its connection is."""

    def __init__(self, channel: RabbitmqChannel, topic: str) -> None:
        self._channel = channel
        self._topic = topic
        self._stack = AsyncExitStack()
        self._found: list[bytes] = []
        self._news = asyncio.Event()
        self._lost = False

    async def begin(self) -> None:
        """Connect, and make the queue."""
        await self._stack.aclose()
        channel, exchange = await self._channel.connected(self._stack)
        channel.close_callbacks.add(self._closed)
        queue = await channel.declare_queue(exclusive=True)
        await queue.bind(exchange, self._topic)
        self._lost = False
        await queue.consume(self._take, no_ack=True)

    async def read(self) -> list[bytes]:
        """Wait for messages, and return them; none if some may be missing."""
        await self._news.wait()
        self._news.clear()
        found, self._found = self._found, []
        if not found and self._lost:
            await self._channel.insist(self.begin)
        return found

    async def end(self) -> None:
        """Close the connection, and with it the queue."""
        await self._stack.aclose()

    async def _take(self, message: AbstractIncomingMessage) -> None:
        self._found.append(message.body)
        self._news.set()

    def _closed(self, *_: Any) -> None:
        self._lost = True
        self._news.set()
