"""The sealed records of one job in storage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from greenlithops.durable.records import PREFIX
from greenlithops.durable.seal import open_seal, seal

if TYPE_CHECKING:
    from greenlithops.storage.async_storage import AsyncStorage


class Vault:
    """Reads and writes sealed records.

    Args:
        storage: where they are.
        bucket: the bucket there.
        job: the job's id.
        key: what they are sealed with.
    """

    def __init__(self, storage: AsyncStorage, bucket: str, job: str, key: bytes) -> None:
        self.storage = storage
        self.bucket = bucket
        self.job = job
        self._key = key

    async def write(self, name: str, body: bytes) -> None:
        """Write a record."""
        await self.storage.put(self.bucket, name, seal(self._key, name, body))

    async def read(self, name: str) -> memoryview:
        """Return a record. Raises `ProtocolError` if it is not authentic."""
        return open_seal(self._key, name, await self.storage.get(self.bucket, name))

    async def read_all(self, names: list[str]) -> list[memoryview]:
        """Return several records."""
        return list(await asyncio.gather(*map(self.read, names)))

    async def names(self, below: str, after: str = "") -> list[str]:
        """Return the names of the records below a part of the job, in order."""
        prefix = f"{PREFIX}{self.job}/{below}/"
        entries = self.storage.list(self.bucket, prefix, start_after=after)
        return [entry if isinstance(entry, str) else entry.key async for entry in entries]
