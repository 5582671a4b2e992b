"""What fsspec asks of a file system, as work of AsyncStorage; on its event loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from greenlithops.errors import InvalidRange, NoSuchKey
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from pathlib import Path

    from greenlithops.storage.async_storage import AsyncStorage

Found = ObjectInfo | str  #: an object, or the path of a directory below its bucket


async def looked_up(storage: AsyncStorage, bucket: str, key: str) -> Found:
    """Return an object, or ``key`` itself if objects are below it.

    Raises:
        NoSuchKey: neither is there.
        NoSuchBucket: there is no such bucket.
    """
    if not key:
        await storage.head_bucket(bucket)
        return key
    try:
        return await storage.head(bucket, key)
    except NoSuchKey:
        listing = storage.list(bucket, f"{key}/")
        async with aclosing(listing):  # type: ignore[type-var]  # it is a generator
            async for _ in listing:
                return key
        raise


async def listed(storage: AsyncStorage, bucket: str, key: str) -> list[Found]:
    """Return what is in a directory; the object itself, if the path is an object's.

    Raises:
        NoSuchKey: nothing is there.
        NoSuchBucket: there is no such bucket.
    """
    prefix = f"{key}/" if key else ""
    entries = [entry async for entry in storage.list(bucket, prefix, delimiter="/")]
    found: list[Found] = [
        entry if isinstance(entry, ObjectInfo) else entry.rstrip("/")
        for entry in entries
        if not isinstance(entry, ObjectInfo) or entry.key != prefix
    ]
    if not entries and key:
        found.append(await storage.head(bucket, key))
    return found


async def below(storage: AsyncStorage, bucket: str, key: str) -> list[ObjectInfo]:
    """Return all objects below a path, marks of directories too; or the object that it names."""
    prefix = f"{key}/" if key else ""
    found = [entry async for entry in storage.list(bucket, prefix) if isinstance(entry, ObjectInfo)]
    if key and not found:
        try:
            found.append(await storage.head(bucket, key))
        except NoSuchKey:
            return []
    return found


async def bytes_of(
    storage: AsyncStorage,
    bucket: str,
    key: str,
    start: int | None,
    end: int | None,
    *,
    if_match: str | None = None,
) -> bytes:
    """Return bytes of an object as Python's slices count them; none where it has none."""
    if end is not None and (end < 0 or (start or 0) < 0):
        size = (await storage.head(bucket, key)).size
        start, end, _ = slice(start, end).indices(size)
    if end is not None and end <= (start or 0):
        return b""
    try:
        return await storage.get(bucket, key, start or None, end, if_match=if_match)
    except InvalidRange:
        return b""


async def removed(storage: AsyncStorage, bucket: str, keys: list[str]) -> None:
    """Delete everything below paths, and what they name; the bucket too, for the empty path."""
    found = await asyncio.gather(*(below(storage, bucket, key) for key in keys))
    await storage.delete_many(
        bucket, [*filter(None, keys), *(info.key for infos in found for info in infos)]
    )
    if "" in keys:
        await storage.delete_bucket(bucket)


async def fetched(storage: AsyncStorage, bucket: str, key: str, path: Path) -> int:
    """Write an object to a file; return its size."""
    return (await storage.download_file(bucket, key, path)).size
