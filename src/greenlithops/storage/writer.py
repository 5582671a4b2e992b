"""Writing an object piece by piece, as files are written; it is there when it is finished."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.objects import Buffer, ObjectInfo
    from greenlithops.storage.async_storage import AsyncStorage


COPIED_BYTES = 8 << 20  #: at a time, of an object that is appended to


class ObjectWriter:
    """An object that grows; large ones go in parts while they do.

    Args:
        storage: where to.
        bucket: in which bucket.
        key: its name.
        after: an object whose content comes first, so that the rest is appended.
        options: as for `AsyncStorage.put`.
    """

    def __init__(
        self,
        storage: AsyncStorage,
        bucket: str,
        key: str,
        after: ObjectInfo | None = None,
        **options: Any,
    ) -> None:
        self._storage = storage
        self._after = after
        self._pieces: asyncio.Queue[Buffer | None] = asyncio.Queue(1)
        self._putting = asyncio.create_task(storage.put(bucket, key, self._given(), **options))
        self._putting.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _given(self) -> AsyncIterator[Buffer]:
        after = self._after
        # Not a stream: that would hold one of the storage's requests while parts wait for theirs.
        for start in range(0, after.size if after else 0, COPIED_BYTES):
            assert after is not None  # noqa: S101 - otherwise there is no start
            stop = min(start + COPIED_BYTES, after.size)
            yield await self._storage.get(
                after.bucket, after.key, start, stop, if_match=after.etag or None
            )
        while (more := await self._pieces.get()) is not None:
            yield more

    async def write(self, piece: Buffer) -> None:
        """Take a piece, which must not be changed afterwards; wait while there is no room."""
        await self._hand_over(piece)

    async def finish(self) -> ObjectInfo:
        """Make the object of what was written."""
        await self._hand_over(None)
        return await self._putting

    async def _hand_over(self, piece: Buffer | None) -> None:
        if self._putting.done():
            self._putting.result()
            raise UsageError("this object is finished already")
        handing = asyncio.create_task(self._pieces.put(piece))
        try:
            await asyncio.wait([handing, self._putting], return_when=asyncio.FIRST_COMPLETED)
            if not handing.done():
                self._putting.result()  # it failed: nobody takes the piece any more
        finally:
            handing.cancel()

    async def abort(self) -> None:
        """Forget what was written; nothing of it is seen."""
        self._putting.cancel()
        await asyncio.wait([self._putting])
