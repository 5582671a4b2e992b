"""The names of push channels and where they are; none is imported before it is chosen."""

from __future__ import annotations

from contextlib import asynccontextmanager
from importlib import import_module
from typing import TYPE_CHECKING

from greenlithops.errors import BackendNotFound, ConfigurationError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.monitoring.channel import Channel, Place

_PACKAGE = "greenlithops.backends.monitoring"

#: name: module, class, how to install what it needs
CHANNELS = {
    "redis": (f"{_PACKAGE}.redis", "RedisChannel", "pip install 'greenlithops[redis]'"),
    "rabbitmq": (
        f"{_PACKAGE}.rabbitmq",
        "RabbitmqChannel",
        "pip install 'greenlithops[rabbitmq]'",
    ),
    "aws_sqs": (f"{_PACKAGE}.aws_sqs", "SqsChannel", "pip install 'greenlithops[aws]'"),
    "gcp_pubsub": (f"{_PACKAGE}.gcp_pubsub", "PubsubChannel", "pip install 'greenlithops[gcp]'"),
    "azure_queue": (
        f"{_PACKAGE}.azure_queue",
        "AzureQueueChannel",
        "pip install 'greenlithops[azure]'",
    ),
}


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Channel]:
    """Give a channel that is open inside ``async with``. Raises as `channel` does."""
    one = await off_loop(channel, place)  # clients of servers read files when they are imported
    async with one:
        yield one


def channel(place: Place) -> Channel:
    """Return a new channel.

    Raises:
        BackendNotFound: there is none of this name, or what it needs is not installed.
        ConfigurationError: it has no such option, or cannot do without one.
    """
    if place.name not in CHANNELS:
        raise BackendNotFound(
            f"there is no push channel {place.name!r}; there are {', '.join(CHANNELS)}"
        )
    module, name, hint = CHANNELS[place.name]
    try:
        kind = getattr(import_module(module), name)
    except ModuleNotFoundError as error:
        raise BackendNotFound(
            f"the push channel {place.name!r} needs {error.name}: {hint}"
        ) from error
    try:
        made: Channel = kind(**place.options)
    except TypeError as error:
        raise ConfigurationError(f"the push channel {place.name!r}: {error}") from error
    return made
