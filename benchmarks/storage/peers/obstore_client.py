"""obstore: Python over the object_store crate of Rust."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import obstore
from obstore.store import S3Store

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from place import Place

DISTRIBUTION = "obstore"


class Client:
    """Objects of one bucket."""

    def __init__(self, store: S3Store) -> None:
        self._store = store

    async def get(self, key: str) -> int:
        """Return how many bytes an object has, after getting them as Python's."""
        answer = await obstore.get_async(self._store, key)
        return len(bytes(await answer.bytes_async()))

    async def put(self, key: str, body: bytes) -> None:
        """Write an object in one request."""
        await obstore.put_async(self._store, key, body, use_multipart=False)

    async def head(self, key: str) -> None:
        """Ask for what is known of an object."""
        await obstore.head_async(self._store, key)

    async def list(self, prefix: str) -> int:
        """Return how many objects there are, after getting the key and size of each."""
        return sum([len(page) async for page in obstore.list(self._store, prefix)])


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Client]:
    """Give the client."""
    yield Client(
        S3Store(
            place.bucket,
            endpoint=place.endpoint,
            access_key_id=place.user,
            secret_access_key=place.secret,
            region=place.region,
            client_options={"allow_http": True},
        )
    )
