"""The bytes of an object in Redis, in pieces that are all of one version of it."""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

from greenlithops.backends.storage.redis import scripts
from greenlithops.backends.storage.redis.layout import object_names
from greenlithops.errors import ChecksumMismatch, PreconditionFailed, StorageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from greenlithops.backends.storage.redis.server import Server
    from greenlithops.objects import ObjectInfo

FIRST = 4 << 20  #: bytes of an object that come with what is known of it
PIECE = 1 << 20


class Body:
    """The bytes of an object, or of a span of it.

    Args:
        server: where they are.
        info: of the object.
        start: where in the object they begin.
        stop: and where they end.
        first: those that came already.
        crc: the checksum of all of them, if it is known.
        again: asks for all of them at once, of whatever version there is; None if this one is
            wanted.
    """

    def __init__(
        self,
        server: Server,
        info: ObjectInfo,
        start: int,
        stop: int,
        *,
        first: bytes,
        crc: int | None,
        again: Callable[[], Awaitable[Body]] | None,
    ) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._server = server
        self._first = first
        self._position = start
        self._expected = crc
        self._crc = 0
        self._again = again

    async def read(self) -> bytes:
        """Return all that has not been taken yet."""
        fresh = self._position == self.start
        try:
            return b"".join([piece async for piece in self.chunks(FIRST)])
        except PreconditionFailed:
            if self._again is None or not fresh:
                raise
            return await (await self._again()).read()

    async def chunks(self, size: int = PIECE) -> AsyncIterator[bytes]:
        """Give it in pieces; the first one came with what is known of the object."""
        while self._position < self.stop:
            piece, self._first = self._first, b""
            if not piece:
                until = min(self._position + size, self.stop)
                names = object_names(self.info.bucket, self.info.key)
                asked = [self.info.etag, self._position, until]
                piece = await self._server.run(
                    scripts.MORE, names, asked, self.info.bucket, self.info.key
                )
            self._take(piece)
            yield piece

    def _take(self, piece: bytes) -> None:
        info = self.info
        if not piece:
            raise StorageError(
                f"{info.bucket}/{info.key}: the server has dropped its bytes; it must not evict",
                bucket=info.bucket,
                key=info.key,
            )
        self._position += len(piece)
        if self._expected is None:
            return
        self._crc = zlib.crc32(piece, self._crc)
        if self._position >= self.stop and self._crc != self._expected:
            raise ChecksumMismatch(
                f"{info.bucket}/{info.key}: the bytes have the CRC-32 {self._crc:08x}, but were "
                f"stored with {self._expected:08x}",
                bucket=info.bucket,
                key=info.key,
            )
