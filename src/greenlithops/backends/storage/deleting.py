"""Deleting many objects where the service takes one in a request."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from greenlithops.errors import NoSuchBucket, NoSuchKey, StorageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

AT_ONCE = 32  #: requests of one operation


async def one_by_one(
    keys: Sequence[str], delete: Callable[[str], Awaitable[object]]
) -> dict[str, StorageError]:
    """Delete objects, which may be gone already; return the errors by key.

    Raises:
        NoSuchBucket: there is nothing to delete them from.
    """
    room = asyncio.Semaphore(AT_ONCE)

    async def one(key: str) -> StorageError | None:
        try:
            async with room:
                await delete(key)
        except NoSuchKey:
            return None
        except StorageError as error:
            return error
        return None

    errors = dict(zip(keys, await asyncio.gather(*map(one, keys)), strict=True))
    found = {key: error for key, error in errors.items() if error is not None}
    for error in found.values():
        if isinstance(error, NoSuchBucket):
            raise error
    return found
