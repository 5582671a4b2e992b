"""Lithops' Storage from threads, since it has no other way to have many requests in flight."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lithops import Storage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from place import Place

DISTRIBUTION = "lithops"


class Client:
    """Objects of one bucket."""

    def __init__(self, storage: Storage, bucket: str, threads: ThreadPoolExecutor) -> None:
        self._storage = storage
        self._bucket = bucket
        self._threads = threads

    async def get(self, key: str) -> int:
        """Return how many bytes an object has, after getting them."""
        return len(await self._call(self._storage.get_object, self._bucket, key))

    async def put(self, key: str, body: bytes) -> None:
        """Write an object."""
        await self._call(self._storage.put_object, self._bucket, key, body)

    async def head(self, key: str) -> None:
        """Ask for what is known of an object."""
        await self._call(self._storage.head_object, self._bucket, key)

    async def list(self, prefix: str) -> int:
        """Return how many objects there are, after getting the key and size of each."""
        return len(await self._call(self._storage.list_objects, self._bucket, prefix))

    async def _call(self, function: object, *args: object) -> object:
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)


@asynccontextmanager
async def opened(place: Place) -> AsyncIterator[Client]:
    """Give the client."""
    section = {
        "endpoint": place.endpoint,
        "access_key_id": place.user,
        "secret_access_key": place.secret,
        "storage_bucket": place.bucket,
    }
    # Its general S3 backend with an endpoint of one's own is the one for MinIO.
    config = {
        "lithops": {"backend": "localhost", "storage": "minio", "log_level": None},
        "minio": section,
    }
    with ThreadPoolExecutor(64) as threads:
        yield Client(Storage(config=config), place.bucket, threads)
