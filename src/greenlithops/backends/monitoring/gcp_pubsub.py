"""News through Pub/Sub: one topic of the project for all, and a subscription for each who listens.

A subscription takes what has its topic's name as attribute. Google ends those that nobody has used
for a day, so that who dies while listening leaves nothing for long.
"""

from __future__ import annotations

import base64
import json
import secrets
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Self

import aiohttp

from greenlithops.backends.storage.gcs.access import Access
from greenlithops.errors import ChannelError, ChannelUnavailable, StorageError, StorageUnavailable
from greenlithops.monitoring.inbox import inbox
from greenlithops.monitoring.patience import insist
from greenlithops.monitoring.texts import batches

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from types import TracebackType

    from greenlithops.monitoring.inbox import Inbox

GOOGLE = "https://pubsub.googleapis.com"
SCOPES = ["https://www.googleapis.com/auth/pubsub"]
TOPIC = "greenlithops"
BATCH = 1000  #: messages of a request; Pub/Sub's most
BATCH_BYTES = 800_000  #: of all texts of a request; more than a MiB would be sent in one go
TURN = 120  #: seconds after which an answer does not come any more; Pub/Sub's own turns are shorter
_OF_SUBSCRIPTIONS = {
    "messageRetentionDuration": "600s",  # the least
    "expirationPolicy": {"ttl": "86400s"},  # the least
    "ackDeadlineSeconds": 10,
}


class PubsubChannel:
    """News through Google's Pub/Sub.

    Args:
        project_name: the project, in which a topic ``greenlithops`` is made.
        credentials_path: the service account's file; None: credentials are found as Google's own
            tools find them.
        endpoint: the URL of an emulator, which is sent no credentials; None: Google's own.
    """

    name = "gcp_pubsub"
    limit = 500_000

    def __init__(
        self,
        *,
        project_name: str,
        credentials_path: str | None = None,
        endpoint: str | None = None,
    ) -> None:
        self._project = f"projects/{project_name}"
        self._topic = f"{self._project}/topics/{TOPIC}"
        self._url = f"{endpoint or GOOGLE}/v1/"
        self._access = Access(credentials_path, anonymous=endpoint is not None, scopes=SCOPES)
        self._session: Any = None

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TURN))
        try:
            await self._access.open(self._session)
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._access.close()
        await self._session.close()

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages: see `greenlithops.monitoring.channel.Channel`."""
        about = {"topic": topic}
        texts = [base64.b64encode(message).decode() for message in messages]
        for batch in batches(texts, BATCH, BATCH_BYTES):
            given = [{"data": text, "attributes": about} for text in batch]
            # If there is no such topic, nobody has ever listened.
            await self._ask("POST", f"{self._topic}:publish", {"messages": given})

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Inbox]:
        """Listen: see `greenlithops.monitoring.channel.Channel`."""
        own = f"{self._project}/subscriptions/{TOPIC}-{topic}-{secrets.token_hex(8)}"
        await self._subscribe(own, topic)
        try:
            async with inbox(lambda: self._read(own, topic)) as subscription:
                yield subscription
        finally:
            await self._ask("DELETE", own)

    async def _subscribe(self, own: str, topic: str) -> None:
        only = {"topic": self._topic, "filter": f'attributes.topic = "{topic}"'}
        while await self._ask("PUT", own, only | _OF_SUBSCRIPTIONS) is None:
            await self._ask("PUT", self._topic, {})

    async def _read(self, own: str, topic: str) -> list[bytes]:
        while True:
            answer = await self._ask("POST", f"{own}:pull", {"maxMessages": BATCH})
            if answer is None:
                await self._subscribe(own, topic)  # somebody has deleted it
                return []
            if found := answer.get("receivedMessages"):
                ids = [one["ackId"] for one in found]
                await self._ask("POST", f"{own}:acknowledge", {"ackIds": ids})
                sent = [one["message"] for one in found]
                # Emulators do not filter.
                mine = [one for one in sent if one.get("attributes") == {"topic": topic}]
                if mine:
                    return [base64.b64decode(one.get("data", "")) for one in mine]

    async def _ask(self, method: str, path: str, body: object = None) -> Any:
        """Return what Pub/Sub answers; None if what is asked about is not there."""

        async def attempt() -> Any:
            try:
                headers = await self._access.headers()
                target = self._url + path
                async with self._session.request(
                    method, target, json=body, headers=headers
                ) as answer:
                    return _read(answer.status, await answer.read())
            except StorageUnavailable as error:
                raise ChannelUnavailable(str(error)) from error
            except StorageError as error:
                raise ChannelError(str(error)) from error
            except (aiohttp.ClientError, OSError) as error:
                if isinstance(error, TimeoutError) and path.endswith(":pull"):
                    return {}  # a turn without news
                raise ChannelUnavailable(f"Pub/Sub is not reached: {error}") from error

        return await insist(attempt)


def _read(status: int, body: bytes) -> Any:
    if status == HTTPStatus.NOT_FOUND:
        return None
    if status < HTTPStatus.BAD_REQUEST or status == HTTPStatus.CONFLICT:  # it is there already
        return json.loads(body) if body else {}
    text = body[:200].decode(errors="replace")
    if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ChannelUnavailable(f"Pub/Sub answers {status}: {text}")
    raise ChannelError(f"Pub/Sub refuses: {status} {text}")
