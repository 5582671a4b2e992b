"""Objects as the files that fsspec's file systems give: with their path, and in transactions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, SupportsIndex

from fsspec.asyn import AbstractAsyncStreamedFile

from greenlithops.filesystem.calls import bytes_of
from greenlithops.filesystem.entries import described
from greenlithops.storage.writer import ObjectWriter
from greenlithops.sync.object_files import BUFFER_BYTES, WRITE_BYTES, BinaryWriter, ObjectStream

if TYPE_CHECKING:
    from types import TracebackType

    from greenlithops.filesystem.system import GreenlithopsFileSystem
    from greenlithops.sync.object_files import ReadingObject, WritingObject


class ReadFile(ObjectStream):
    """An object that is read; it may travel, and is where it was on the other side.

    Attributes:
        fs: the file system.
        path: the object's, without protocol.
        size: its bytes.
    """

    def __init__(self, raw: ReadingObject, fs: GreenlithopsFileSystem, path: str) -> None:
        super().__init__(raw, BUFFER_BYTES)
        self.fs = fs
        self.path = self.full_name = path
        self.size = raw.size

    def info(self) -> dict[str, Any]:
        """Return what the file system tells of the object."""
        return described(self.raw.info)  # type: ignore[attr-defined]  # see __init__

    # Not __reduce__: Python 3.13's files refuse by this one.
    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return _opened_again, (self.fs, self.path, self.tell())


def _opened_again(fs: GreenlithopsFileSystem, path: str, position: int) -> ReadFile:
    file: ReadFile = fs.open(path, "rb")
    file.seek(position)
    return file


class WrittenFile(BinaryWriter):
    """An object that is written; in a transaction it is seen when that ends.

    Attributes:
        fs: the file system.
        path: the object's, without protocol.
    """

    def __init__(self, raw: WritingObject, fs: GreenlithopsFileSystem, path: str) -> None:
        super().__init__(raw, WRITE_BYTES)
        self.fs = fs
        self.path = self.full_name = path

    def commit(self) -> None:
        """Let what was written be seen."""
        self.raw.publish()  # type: ignore[attr-defined]  # see __init__

    def discard(self) -> None:
        """Forget what was written."""
        self.raw.drop()  # type: ignore[attr-defined]  # see __init__


class StreamedFile(AbstractAsyncStreamedFile):  # type: ignore[misc]  # fsspec has no types
    """What `open_async` gives: an object that is read or written in an event loop.

    One that was changed since it was opened to be read raises `PreconditionFailed`.
    """

    def __init__(
        self,
        fs: GreenlithopsFileSystem,
        path: str,
        mode: str,
        size: int | None = None,
        etag: str | None = None,
    ) -> None:
        super().__init__(fs, path, mode, block_size=WRITE_BYTES, size=size)
        self._etag = etag
        self._writer: ObjectWriter | None = None

    async def _fetch_range(self, start: int, end: int) -> bytes:
        bucket, key = self.fs.split(self.path)
        data: bytes = await self.fs.host.asked(
            lambda s: bytes_of(s, bucket, key, start, end, if_match=self._etag)
        )
        return data

    async def _initiate_upload(self) -> None:
        bucket, key = self.fs.split(self.path)

        async def begun(storage: Any) -> ObjectWriter:
            return ObjectWriter(storage, bucket, key)

        self._writer = await self.fs.host.asked(begun)

    async def _upload_chunk(self, final: bool = False) -> None:
        writer, piece = self._writer, self.buffer.getvalue()
        assert writer is not None  # noqa: S101 - fsspec has begun it
        if piece:
            await self.fs.host.asked(lambda _: writer.write(piece))
        if final:
            await self.fs.host.asked(lambda _: writer.finish())

    async def discard(self) -> None:
        """Forget what was written."""
        writer, self._writer, self.closed = self._writer, None, True
        if writer is not None:
            await self.fs.host.asked(lambda _: writer.abort())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await (self.discard() if kind is not None and self.mode != "rb" else self.close())
