"""News through Azure's queues: one for each topic, which is there as long as somebody listens.

The service cannot be waited on: it is asked again and again, more and more seldom as long as there
is nothing. A message goes to one of those who listen to its topic.
"""

from __future__ import annotations

import asyncio
import hashlib
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.storage.queue.aio import QueueServiceClient

from greenlithops.errors import ChannelError, ChannelUnavailable
from greenlithops.monitoring.inbox import inbox
from greenlithops.monitoring.patience import insist
from greenlithops.monitoring.texts import as_text, of_text
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
    from types import TracebackType

    from greenlithops.monitoring.inbox import Inbox

SHORTEST_LOOK, LONGEST_LOOK = 0.1, 2.0  #: seconds between two questions
AT_ONCE = 32  #: messages of an answer; the service's most
SENDING = 16  #: requests at a time
KEPT_SECONDS = 3600  #: that a message waits for somebody who does not come back
_LOST = (ServiceRequestError, ServiceResponseError, OSError)
_SERVER_ERROR = 500
_THROTTLED = 429


class AzureQueueChannel:
    """News through the queues of an Azure storage account.

    Args:
        storage_account_name: the account.
        storage_account_key: its key.
        endpoint: the URL of its queue service; None: Azure's own.
    """

    name = "azure_queue"
    limit = 48_000  #: 64 KiB as text in base 64

    def __init__(
        self, *, storage_account_name: str, storage_account_key: str, endpoint: str | None = None
    ) -> None:
        self._account = storage_account_name
        url = endpoint or f"https://{storage_account_name}.queue.core.windows.net"
        credential = {"account_name": storage_account_name, "account_key": storage_account_key}
        self._arguments = (url, credential)
        self._service: Any = None

    async def __aenter__(self) -> Self:
        # It asks the system what it is, by a program. Attempts are counted here.
        make = partial(QueueServiceClient, *self._arguments, retry_total=0)
        self._service = await off_loop(make)
        await self._service.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._service.close()

    async def send(self, topic: str, messages: Sequence[bytes]) -> None:
        """Send messages: see `greenlithops.monitoring.channel.Channel`."""
        queue, room = self._queue(topic), asyncio.Semaphore(SENDING)

        async def send(message: bytes) -> None:
            text = as_text(message)
            async with room:
                await self._ask(lambda: queue.send_message(text, time_to_live=KEPT_SECONDS))

        await asyncio.gather(*map(send, messages))

    @asynccontextmanager
    async def listen(self, topic: str) -> AsyncIterator[Inbox]:
        """Listen: see `greenlithops.monitoring.channel.Channel`."""
        queue = self._queue(topic)
        await self._ask(queue.create_queue)
        try:
            async with inbox(lambda: self._read(queue)) as subscription:
                yield subscription
        finally:
            await self._ask(queue.delete_queue)

    async def _read(self, queue: Any) -> list[bytes]:
        pause = SHORTEST_LOOK

        async def receive() -> list[Any]:
            pages = queue.receive_messages(messages_per_page=AT_ONCE, max_messages=AT_ONCE)
            return [message async for message in pages]

        while True:
            found = await self._ask(receive)
            if found is None:
                await self._ask(queue.create_queue)  # somebody has deleted it
                return []
            if found:
                done = (self._ask(partial(queue.delete_message, one)) for one in found)
                await asyncio.gather(*done)
                return [of_text(one.content) for one in found]
            await asyncio.sleep(pause)
            pause = min(1.5 * pause, LONGEST_LOOK)

    async def _ask(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        """Return what the service answers; None if there is no such queue, or it is there."""

        async def translated() -> Any:
            try:
                return await attempt()
            except (ResourceNotFoundError, ResourceExistsError):
                return None
            except (AzureError, OSError) as error:
                raise self._failed(error) from error

        return await insist(translated)

    def _failed(self, error: Exception) -> ChannelError:
        status = error.status_code if isinstance(error, HttpResponseError) else None
        later = status is not None and (status >= _SERVER_ERROR or status == _THROTTLED)
        if later or isinstance(error, _LOST):
            return ChannelUnavailable(f"Azure's queues of {self._account} are not reached: {error}")
        return ChannelError(f"Azure's queues of {self._account} refuse: {error}")

    def _queue(self, topic: str) -> Any:
        name = hashlib.sha256(topic.encode()).hexdigest()[:40]
        return self._service.get_queue_client(f"greenlithops-{name}")
