"""Replies that come later: by the executor's storage, and told of by its push channel."""

from __future__ import annotations

from binascii import b2a_base64
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.http.depot import VALID_SECONDS, Messages, Place
from greenlithops.backends.compute.http.mailbox import Mailbox
from greenlithops.errors import ConfigurationError, NotSupported, PayloadTooLarge
from greenlithops.models import Reply
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.lambda_handler import ACCEPTED, FROM, MESSAGE, TO

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from greenlithops.monitoring.shared import SharedChannel
    from greenlithops.protocols import Depot


class Deferred:
    """What passes through the storage of an executor, for one service.

    Args:
        service: its name in errors.
        most: bytes that it takes in one message, in errors.

    Attributes:
        messages: the storage; None if the executor has none with a bucket.
        mailbox: where replies of asynchronous invocations come; None while there are none.
    """

    def __init__(self, service: str, most: int = 0) -> None:
        self.messages: Messages | None = None
        self.mailbox: Mailbox | None = None
        self._service = service
        self._most = most
        self._channel: SharedChannel | None = None

    def use(self, depot: Depot) -> None:
        """Take note of the storage, if it has a bucket."""
        if depot.bucket is not None:
            self.messages = Messages(depot, depot.bucket)

    def hear(self, channel: SharedChannel) -> None:
        """Be told by a channel that replies have come."""
        self._channel = channel

    @property
    def news(self) -> tuple[str, dict[str, Any], str] | None:
        """What services tell; see `SupportsNews`."""
        return None if self.mailbox is None else self.mailbox.news

    def check(self) -> None:
        """Raise a `ConfigurationError` if there is no storage for replies."""
        if self.messages is None:
            raise ConfigurationError(
                f"{self._service}: asynchronous invocations reply through storage: give the "
                "executor one with a bucket that can sign URLs, such as S3"
            )

    def open(self, key: bytes, *, queue_seconds: float, run_seconds: float) -> None:
        """Wait for replies from now on.

        Args:
            key: what messages are authenticated with.
            queue_seconds: how long an invocation may wait for its turn.
            run_seconds: how long it may take.
        """
        self.check()
        assert self.messages is not None  # noqa: S101 - it has been checked
        self.mailbox = Mailbox(
            self.messages,
            key,
            queue_seconds=queue_seconds,
            run_seconds=run_seconds,
            channel=self._channel,
        )

    async def close(self) -> None:
        """Wait no more."""
        mailbox, self.mailbox = self.mailbox, None
        if mailbox is not None:
            await mailbox.close()

    # Messages as JSON, which `greenlithops.worker.lambda_handler` answers.

    async def event(
        self, body: bytes, most: int, seconds: float = VALID_SECONDS
    ) -> tuple[dict[str, Any], Place | None]:
        """Return the event that carries a message, and where that lies if it is too large.

        Args:
            body: the message.
            most: bytes of JSON that the service takes.
            seconds: how long it must be there.

        Raises:
            PayloadTooLarge: it is too large, and cannot be put into a storage.
        """
        if len(body) * 4 // 3 + 4096 <= most:
            return {
                MESSAGE: await off_loop(_encoded, body) if len(body) > LARGE else _encoded(body)
            }, None
        said = f"the arguments take {len(body)} bytes, and {self._service} takes about {self._most}"
        if self.messages is None:
            raise PayloadTooLarge(f"{said}: give the executor a storage with a bucket")
        try:
            place = await self.messages.put(body, seconds)
        except NotSupported as error:
            raise PayloadTooLarge(
                f"{said}: give the executor a storage that can sign URLs, such as S3"
            ) from error
        return {FROM: place.url}, place

    async def reply(
        self, body: bytes, most: int, leave: Callable[[dict[str, Any]], Awaitable[None]]
    ) -> Reply:
        """Return the reply to a message that is left for the service.

        Args:
            body: the message.
            most: bytes of JSON that the service takes.
            leave: gives an event to the service, which does not wait for its end.
        """
        mailbox = self.mailbox
        assert mailbox is not None  # noqa: S101 - it is open
        event, source = await self.event(body, most, mailbox.valid_seconds)

        async def post(url: str) -> None:
            await leave({**event, TO: url, ACCEPTED: True})

        try:
            return Reply(await mailbox.reply(post))
        finally:
            await self.drop(source)

    async def drop(self, source: Place | None) -> None:
        """Delete a message that has been read, if it was put anywhere."""
        if source is not None and self.messages is not None:
            await self.messages.delete(source)


class Defers:
    """The part of a backend that is told of the executor's storage and push channel."""

    _deferred: Deferred

    def use(self, depot: Depot) -> None:
        """Have what comes later, or is too large, pass through a storage, if it has a bucket."""
        self._deferred.use(depot)

    def hear(self, channel: SharedChannel) -> None:
        """Be told by a channel that replies of asynchronous invocations have come."""
        self._deferred.hear(channel)

    @property
    def news(self) -> tuple[str, dict[str, Any], str] | None:
        """What services tell; see `SupportsNews`."""
        return self._deferred.news


def _encoded(body: bytes) -> str:
    return b2a_base64(body, newline=False).decode()
