"""Connections to RabbitMQ for functions that have a parameter for one."""

from __future__ import annotations

from contextlib import asynccontextmanager, contextmanager
from typing import TYPE_CHECKING

import aio_pika
import pika
from aiormq.exceptions import AMQPConnectionError
from yarl import URL

from greenlithops.errors import ChannelUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from aio_pika.abc import AbstractConnection


@contextmanager
def blocking(amqp_url: str) -> Iterator[pika.BlockingConnection]:
    """Give a connection for functions that block, as Lithops does.

    Raises:
        ChannelUnavailable: there is no connection to the server.
    """
    try:
        connection = pika.BlockingConnection(pika.URLParameters(amqp_url))
    except (pika.exceptions.AMQPConnectionError, OSError) as error:
        raise _unavailable(amqp_url, error) from error
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


@asynccontextmanager
async def on_loop(amqp_url: str) -> AsyncIterator[AbstractConnection]:
    """Give a connection for coroutine functions.

    Raises:
        ChannelUnavailable: there is no connection to the server.
    """
    try:
        connection = await aio_pika.connect(amqp_url)
    except (AMQPConnectionError, OSError) as error:
        raise _unavailable(amqp_url, error) from error
    async with connection:
        yield connection


def _unavailable(amqp_url: str, error: Exception) -> ChannelUnavailable:
    place = URL(amqp_url)
    return ChannelUnavailable(
        f"RabbitMQ at {place.host}:{place.port or 5672}, which a parameter 'rabbitmq' needs, "
        f"gives no connection: {str(error) or type(error).__name__}"
    )
