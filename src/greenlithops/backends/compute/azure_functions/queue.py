"""The queue of a function app: what is left in it, the app runs when it is its turn."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import TYPE_CHECKING, Any

from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceNotFoundError,
)
from azure.storage.queue.aio import QueueServiceClient

from greenlithops.backends.compute.services import digest_of
from greenlithops.errors import ServiceError, ServiceRefused, ServiceUnavailable, Throttled
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from azure.storage.queue.aio import QueueClient

MOST_MESSAGE = 64 << 10  #: bytes of a message's text
_AGAIN_SECONDS, _AGAIN = 1.0, 40  #: how often a queue is made whose deletion is not over


def queue_name(app: str) -> str:
    """Return the name of an app's queue."""
    return f"greenlithops-{digest_of(app.lower())}"


class Queues:
    """The queues of a storage account.

    Args:
        backend: the backend's name, for errors.
        account: the storage account's name.
        key: its key.
        endpoint: the URL of its Queue service; None for that of Azure's public cloud.
    """

    def __init__(self, backend: str, account: str, key: str, endpoint: str | None) -> None:
        url = endpoint or f"https://{account}.queue.core.windows.net"
        credential = {"account_name": account, "account_key": key}
        self._make = partial(QueueServiceClient, url, credential, retry_total=3)
        self._backend = backend
        self._client: QueueServiceClient | None = None

    async def close(self) -> None:
        """Close the connections."""
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def make(self, app: str) -> None:
        """Make the queue of an app if it is not there."""
        queue = await self._queue(app)
        for attempt in range(_AGAIN):
            try:
                await queue.create_queue()
            except ResourceExistsError as error:
                if "QueueBeingDeleted" not in str(error) or attempt == _AGAIN - 1:
                    return
                await asyncio.sleep(_AGAIN_SECONDS)
            except AzureError as error:
                raise self._failed(error) from error
            else:
                return

    async def delete(self, app: str) -> None:
        """Delete the queue of an app, and that of what failed there; missing ones are fine."""
        for suffix in ("", "-poison"):
            queue = await self._queue(app, suffix)
            try:
                await queue.delete_queue()
            except ResourceNotFoundError:
                continue
            except AzureError as error:
                raise self._failed(error) from error

    async def leave(self, app: str, event: dict[str, Any], seconds: int) -> None:
        """Leave an event for an app, which has so many seconds to take it."""
        queue = await self._queue(app)
        try:
            await queue.send_message(json.dumps(event), time_to_live=seconds)
        except AzureError as error:
            raise self._failed(error) from error

    async def _queue(self, app: str, suffix: str = "") -> QueueClient:
        if self._client is None:  # making it asks the system what it is, by a program
            self._client = await off_loop(self._make)
        return self._client.get_queue_client(queue_name(app) + suffix)

    def _failed(self, error: AzureError) -> ServiceError:
        text = f"{self._backend}: the storage account's queues: {error}"
        status = error.status_code if isinstance(error, HttpResponseError) else None
        if status == 429 or (status == 503 and "ServerBusy" in str(error)):  # noqa: PLR2004 - throttled
            return Throttled(text)
        if status is None or status >= 500:  # noqa: PLR2004 - not reached, or broken
            return ServiceUnavailable(text)
        return ServiceRefused(text)
