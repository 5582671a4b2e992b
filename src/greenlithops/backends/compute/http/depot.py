"""Messages that a service cannot take or return go through storage, by URLs signed for one use.

A place for a reply has to be known before there is one. So places are kept for the next request
when a reply came otherwise; where a function may still write to a place, it is not used again.
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Literal, NamedTuple

from greenlithops.errors import NotSupported

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.objects import ObjectInfo
    from greenlithops.protocols import Depot

FOLDER = "greenlithops.messages"
VALID_SECONDS = 3600.0  #: of a signed URL; an invocation takes at most 900
SPARE_SECONDS = 1000.0  #: that a URL must be good for when it is given to a function


class Place(NamedTuple):
    """Where a message may be put, or was.

    Attributes:
        key: the object's.
        url: a signed URL for it.
        until: when the URL ends, by the monotonic clock.
    """

    key: str
    url: str
    until: float


class Messages:
    """Large messages in a bucket.

    Args:
        depot: the storage.
        bucket: the bucket.
    """

    def __init__(self, depot: Depot, bucket: str) -> None:
        self._depot = depot
        self._bucket = bucket
        self._free: list[Place] = []
        self._usable = True
        self.topic = f"replies-{secrets.token_hex(8)}"  #: of news of those that are waited for
        self._inbox = f"{FOLDER}/{self.topic}/"

    async def place(self) -> Place | None:
        """Return where a reply may be put; None if this storage cannot sign URLs."""
        while self._free:
            place = self._free.pop()
            if place.until - time.monotonic() > SPARE_SECONDS:
                return place
        if not self._usable:
            return None
        key = f"{FOLDER}/{secrets.token_hex(16)}"
        try:
            return await self._signed("PUT", key)
        except NotSupported:
            self._usable = False
            return None

    def unused(self, place: Place) -> None:
        """Take a place back to which nothing was written, nor will be."""
        self._free.append(place)

    async def put(self, message: bytes, seconds: float = VALID_SECONDS) -> Place:
        """Put a message, and return where it can be had, for so many seconds.

        Raises:
            NotSupported: this storage cannot sign URLs.
            StorageError: it cannot be put.
        """
        key = f"{FOLDER}/{secrets.token_hex(16)}"
        place = await self._signed("GET", key, seconds)
        await self._depot.put(self._bucket, key, message)
        return place

    async def reserved(self, seconds: float) -> Place:
        """Return where a reply may be put that is waited for.

        Args:
            seconds: how long it may be put there.

        Raises:
            NotSupported: this storage cannot sign URLs.
        """
        return await self._signed("PUT", self._inbox + secrets.token_hex(16), seconds)

    async def arrived(self) -> AsyncIterator[ObjectInfo]:
        """Give what is at places that were reserved."""
        async for entry in self._depot.list(self._bucket, self._inbox):
            if not isinstance(entry, str):
                yield entry

    async def get(self, place: Place) -> bytes:
        """Return a message."""
        return await self._depot.get(self._bucket, place.key)

    async def delete(self, place: Place) -> None:
        """Delete a message."""
        await self._depot.delete(self._bucket, place.key)

    async def _signed(
        self, method: Literal["GET", "PUT"], key: str, seconds: float = VALID_SECONDS
    ) -> Place:
        until = time.monotonic() + seconds
        url = await self._depot.presigned_url(self._bucket, key, method=method, seconds=seconds)
        return Place(key, url, until)
