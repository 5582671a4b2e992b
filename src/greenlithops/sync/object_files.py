"""Objects as Python's files: read by ranges, written as they grow."""

from __future__ import annotations

import errno
import io
import os
from typing import TYPE_CHECKING, Any

from greenlithops.errors import StorageError
from greenlithops.storage.reader import RangeReader
from greenlithops.storage.writer import ObjectWriter
from greenlithops.sync.loop import background

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.sync.storage_host import StorageHost

    Buffer = bytes | bytearray | memoryview

BUFFER_BYTES = 64 << 10  #: of a file that reads
WRITE_BYTES = 1 << 20  #: of a file that writes: so much goes to the loop at a time


class ReadingObject(io.RawIOBase):
    """An object, or a part of it, that can be read and sought in; positions count from its start.

    Args:
        host: the storage.
        info: what `head` tells of the object.
        start: where the part begins.
        stop: where it ends; by default with the object.
    """

    def __init__(
        self, host: StorageHost, info: ObjectInfo, start: int = 0, stop: int | None = None
    ) -> None:
        super().__init__()
        self.name = info.key
        self.mode = "rb"
        self._host = host
        self._ranges = RangeReader(host.storage, info, start, stop)
        self._position = start

    @property
    def info(self) -> ObjectInfo:
        """What is known of the object."""
        return self._ranges.info

    @property
    def size(self) -> int:
        """How many bytes there are between start and stop."""
        return max(0, self._ranges.stop - self._ranges.start)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any, /) -> int:
        """Read into a buffer; return how many bytes, 0 at the end."""
        self._check_open()
        view = memoryview(buffer).cast("B")
        position, block = self._position, self._ranges.current
        if not block.start <= position < block.stop:
            block = self._host.ask(lambda _: self._ranges.load(position, len(view)))
        offset = position - block.start
        data = memoryview(block.data)[offset : offset + len(view)]
        view[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        """Return everything from here on."""
        self._check_open()
        position = self._position
        data = self._host.ask(lambda _: self._ranges.rest(position))
        self._position += len(data)
        return data

    def seek(self, offset: int, whence: int = os.SEEK_SET, /) -> int:
        """Go to a place; return it."""
        self._check_open()
        ranges = self._ranges
        bases = {
            os.SEEK_SET: ranges.start,
            os.SEEK_CUR: self._position,
            os.SEEK_END: max(ranges.stop, ranges.start),
        }
        if whence not in bases:
            raise ValueError(f"whence must be 0, 1 or 2, not {whence}")
        place = bases[whence] + offset
        if place < ranges.start:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), self.name)  # as files do
        self._position = place
        return place - ranges.start

    def tell(self) -> int:
        """Return the place."""
        self._check_open()
        return self._position - self._ranges.start

    def close(self) -> None:
        """Stop what is on its way."""
        if not self.closed and background().running:
            background().post(self._ranges.close)
        super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file.")


class ObjectStream(io.BufferedReader):
    """What `Storage.get_object` gives with ``stream=True``: a binary file with bodies' extras."""

    def iter_chunks(self, chunk_size: int = 1024) -> Iterator[bytes]:
        """Give what is left in pieces of `chunk_size` bytes."""
        while chunk := self.read(chunk_size):
            yield chunk

    def iter_lines(self, chunk_size: int = 1024, keepends: bool = False) -> Iterator[bytes]:  # noqa: ARG002 - the names that boto3's bodies have
        """Give what is left in lines, without their ends unless `keepends`."""
        for line in self:
            yield line if keepends else line.rstrip(b"\r\n")


class WritingObject(io.RawIOBase):
    """An object that is written from its beginning, or appended to, and is there when closed.

    Args:
        host: the storage.
        bucket: where to.
        key: its name.
        after: the object that is appended to, or None.
        options: as for `AsyncStorage.put`.
    """

    def __init__(
        self,
        host: StorageHost,
        bucket: str,
        key: str,
        after: ObjectInfo | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        self.name = key
        self.mode = "wb" if after is None else "ab"
        self._host = host
        self._position = after.size if after else 0
        self._dropped = self._published = False
        self.tells_its_place = False
        self.held = False  #: whether closing leaves it to `publish`

        async def begun(storage: AsyncStorage) -> ObjectWriter:
            return ObjectWriter(storage, bucket, key, after, **options)

        self._writer = host.ask(begun)

    def writable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return False; but who asks only for its place may be told otherwise."""
        return self.tells_its_place

    def write(self, data: Any, /) -> int:
        """Take bytes; wait while there is no room for them."""
        if self.closed:
            raise ValueError("I/O operation on closed file.")
        try:
            size = memoryview(data).nbytes
            if not self._dropped and size:
                piece = bytes(data)  # the caller will write over its buffer
                self._host.ask(lambda _: self._writer.write(piece))
            self._position += size
        except (StorageError, TypeError):
            raise  # the first again when it is closed; the second took nothing
        except BaseException:  # Ctrl-C: closing must not make an object that lacks this
            self.drop()
            raise
        return size

    def tell(self) -> int:
        """Return how long the object is by now."""
        return self._position

    def close(self) -> None:
        """Make the object of what was written, unless that is left to `publish`."""
        if self.closed:
            return
        try:
            if not self.held:
                self.publish()
        finally:
            super().close()

    def publish(self) -> None:
        """Make the object of what was written, once."""
        if not self._dropped and not self._published:
            self._published = True
            self._host.ask(lambda _: self._writer.finish())

    def drop(self) -> None:
        """Forget what was written: nothing is seen of it."""
        if not self._dropped and not self._published:
            self._dropped = True
            self._host.ask(lambda _: self._writer.abort())


class _DropsOnError:
    """A file that, left by an exception in its ``with`` block, leaves storage as it was."""

    def __exit__(
        self: Any,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            raw = getattr(self, "buffer", self).raw
            if hasattr(raw, "drop"):
                raw.drop()
        self.close()


class BinaryWriter(_DropsOnError, io.BufferedWriter):
    """A binary file that writes an object."""


class BinaryEditor(_DropsOnError, io.BufferedRandom):
    """A binary file that changes an object."""


class TextFile(_DropsOnError, io.TextIOWrapper):
    """An object as text."""
