"""What the functions of an operating system do with objects, on the loop."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING

from greenlithops.errors import NoSuchKey
from greenlithops.objects import ObjectInfo
from greenlithops.offload import together
from greenlithops.storage_os.places import Listed, as_directory

if TYPE_CHECKING:
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage_os.places import Place

MOVES = 256  #: objects of a directory that are renamed at once


async def found(storage: AsyncStorage, place: Place) -> tuple[ObjectInfo | None, bool]:
    """Return the object that a path names, or None, and whether it names a directory."""
    if not place.key:
        await storage.head_bucket(place.bucket)
        return None, True
    if place.is_folder:
        return None, await has_below(storage, place)
    info, below = await asyncio.gather(_head(storage, place), has_below(storage, place))
    return info, below


async def _head(storage: AsyncStorage, place: Place) -> ObjectInfo | None:
    try:
        return await storage.head(place.bucket, place.key)
    except NoSuchKey:
        return None


async def has_below(storage: AsyncStorage, place: Place, *, besides: str | None = None) -> bool:
    """Return whether there is an object below a path, other than `besides`."""
    listing = storage.list(place.bucket, place.prefix)
    async with aclosing(listing):  # type: ignore[type-var]  # it is a generator
        async for entry in listing:
            if isinstance(entry, ObjectInfo) and entry.key != besides:
                return True
    return False


async def directory(storage: AsyncStorage, place: Place) -> list[Listed]:
    """Return the names in a directory, in order."""
    listing = storage.list(place.bucket, place.prefix, delimiter="/")
    entries = [entry async for entry in listing]
    return as_directory(entries, place.prefix)


async def moved(storage: AsyncStorage, source: Place, target: Place) -> None:
    """Rename an object: copy it within the storage, then delete it."""
    await storage.copy(source.bucket, source.name, target.name, to_bucket=target.bucket)
    await storage.delete(source.bucket, source.name)


async def directory_moved(storage: AsyncStorage, source: Place, target: Place) -> None:
    """Rename all objects below a path: first all are copied, then all are deleted."""
    listing = storage.list(source.bucket, source.prefix)
    keys = [entry.key async for entry in listing if isinstance(entry, ObjectInfo)]
    for first in range(0, len(keys), MOVES):
        await together(
            storage.copy(
                source.bucket,
                key,
                target.prefix + key[len(source.prefix) :],
                to_bucket=target.bucket,
            )
            for key in keys[first : first + MOVES]
        )
    await storage.delete_many(source.bucket, keys)
