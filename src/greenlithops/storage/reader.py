"""Reading an object here and there: by ranges that grow, with one request ahead."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.async_storage import AsyncStorage

FIRST_BYTES = 256 << 10  #: of the first request at a place that was jumped to
LARGEST_BYTES = 8 << 20  #: of a request, when the object is read from one end to the other


@dataclass(frozen=True, slots=True)
class Block:
    """Bytes of an object, and where in it they are."""

    start: int
    data: bytes

    @property
    def stop(self) -> int:
        """Where the next byte would be."""
        return self.start + len(self.data)


class RangeReader:
    """The bytes of an object between two places, in blocks, fetched when they are asked for.

    Whoever reads on gets larger blocks, and the next one is on its way already; whoever jumps
    gets small ones. At most two blocks are in memory. An object that was changed since it was
    opened raises `PreconditionFailed`, where the storage has etags.

    Args:
        storage: where the object is.
        info: what `head` tells of it.
        start: where its readers begin.
        stop: where they end; by default with the object.
    """

    def __init__(
        self, storage: AsyncStorage, info: ObjectInfo, start: int = 0, stop: int | None = None
    ) -> None:
        self.info = info
        self.start = start
        self.stop = info.size if stop is None else min(stop, info.size)
        self.current = Block(start, b"")
        self._storage = storage
        self._size = FIRST_BYTES
        self._ahead: tuple[int, asyncio.Task[Block]] | None = None

    async def load(self, position: int, wanted: int = 0) -> Block:
        """Return a block that begins at `position` or before it, and has a byte there.

        It becomes `current`. At the end it is empty.

        Args:
            position: counted from the beginning of the object.
            wanted: how many bytes will be read from there, as far as the caller knows.
        """
        if position >= self.stop:
            return Block(position, b"")
        if self.current.start <= position < self.current.stop:
            return self.current
        reads_on = position == self.current.stop and bool(self.current.data)
        ahead, self._ahead = self._ahead, None
        self._size = min(2 * self._size, LARGEST_BYTES) if reads_on else FIRST_BYTES
        if ahead is not None and ahead[0] == position:
            try:
                self.current = await ahead[1]
            except asyncio.CancelledError:
                _dropped(ahead[1])
                raise
        else:
            if ahead is not None:
                _dropped(ahead[1])
            self.current = await self._fetch(position, max(self._size, min(wanted, LARGEST_BYTES)))
        after = self.current.stop
        if reads_on and after < self.stop:
            self._ahead = (after, asyncio.create_task(self._fetch(after, self._size)))
        return self.current

    async def rest(self, position: int) -> bytes:
        """Return everything from a place on, in one request."""
        if position >= self.stop:
            return b""
        return (await self._fetch(position, self.stop - position)).data

    async def _fetch(self, start: int, size: int) -> Block:
        stop = min(start + size, self.stop)
        info = self.info
        data = await self._storage.get(
            info.bucket, info.key, start, stop, if_match=info.etag or None
        )
        return Block(start, data)

    def close(self) -> None:
        """Stop what is on its way."""
        ahead, self._ahead = self._ahead, None
        if ahead is not None:
            _dropped(ahead[1])


def _dropped(task: asyncio.Task[Block]) -> None:
    """Cancel a request whose answer nobody wants; not even its error."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())
