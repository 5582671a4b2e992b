"""What a push channel is: short messages about a topic, through a server that both sides reach.

A message is a hint. Whoever listens is told of it at least once while both sides reach the server;
what was sent while nobody listened is dropped, and a server may lose what it holds. So what must
not be lost is in storage as well, or in a reply, and is looked for there in the end.

Anybody who reaches the server can send: messages that carry more than a hint are authenticated by
those who use them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType


NONE = "storage"  #: where there is no channel, who waits looks at storage again and again


@dataclass(frozen=True, slots=True)
class Place:
    """Which channel it is, and how it is reached: a value that travels to workers.

    Attributes:
        name: the channel's name, such as ``"redis"``.
        options: what it is made with; there may be secrets among them.
    """

    name: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)


def as_place(given: Place | Mapping[str, Any] | str | None) -> Place | None:
    """Return the place that an argument `monitoring` names.

    Args:
        given: a place; the name of a channel that needs no options; or a mapping with ``name`` and
            the channel's options. None, or ``"storage"``: there is no channel.

    Raises:
        UsageError: it is none of these.
    """
    if isinstance(given, str):
        given = Place(given)
    elif isinstance(given, Mapping) and "name" in given:
        given = Place(given["name"], {key: value for key, value in given.items() if key != "name"})
    if given is not None and not isinstance(given, Place):
        raise UsageError(
            "monitoring must be the name of a push channel, or a mapping with 'name' and its "
            f"options, not {type(given).__name__}"
        )
    return None if given is None or given.name == NONE else given


class Subscription(Protocol):
    """What somebody who listens has."""

    async def receive(self) -> list[bytes]:
        """Wait for messages, and return those that are there.

        An empty list says that something may have been missed, such as when the server could not
        be reached for a while: then look by other means. Cancelling it loses nothing.

        Raises:
            ChannelError: the server refuses; asking again is of no use.
        """
        ...


class Channel(Protocol):
    """A push channel, opened with ``async with`` in each event loop that uses it."""

    name: str
    limit: int  #: bytes that a message may have

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages to all who listen to a topic.

        Args:
            topic: letters, digits, ``-`` and ``_``; 60 at most.
            messages: none longer than `limit`.

        Raises:
            ChannelUnavailable: the server was not reached, in several attempts.
            ChannelError: it refuses.
        """
        ...

    def listen(self, topic: str) -> AbstractAsyncContextManager[Subscription]:
        """Listen to a topic: in ``async with``, nothing that is sent from its start is missed.

        Raises:
            ChannelUnavailable: the server was not reached, in several attempts.
            ChannelError: it refuses.
        """
        ...
