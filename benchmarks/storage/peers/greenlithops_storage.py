"""greenlithops: AsyncStorage as its users call it, with retries, checksums and all."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from greenlithops.storage.async_storage import AsyncStorage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from place import Place

DISTRIBUTION = "greenlithops"


class Client:
    """Objects of one bucket."""

    def __init__(self, storage: AsyncStorage, bucket: str) -> None:
        self.storage = storage
        self._bucket = bucket

    async def get(self, key: str) -> int:
        """Return how many bytes an object has, after getting them."""
        return len(await self.storage.get(self._bucket, key))

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        await self.storage.put(self._bucket, key, body)

    async def head(self, key: str) -> None:
        """Ask for what is known of an object."""
        await self.storage.head(self._bucket, key)

    async def list(self, prefix: str) -> int:
        """Return how many objects there are, after getting the key and size of each."""
        return len([entry async for entry in self.storage.list(self._bucket, prefix)])


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Client]:
    """Give the client."""
    async with AsyncStorage(
        "s3",
        endpoint=place.endpoint,
        access_key_id=place.user,
        secret_access_key=place.secret,
        region=place.region,
    ) as storage:
        yield Client(storage, place.bucket)
