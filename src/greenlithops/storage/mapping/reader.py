"""What a function gets as ``obj``: a part of an object as a binary file, record for record."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.storage.mapping.blocks import Blocks
from greenlithops.storage.mapping.records import record_start

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Callable, Coroutine

    from greenlithops.storage.mapping.blocks import Origin, Waiting
    from greenlithops.storage.mapping.part import Part

T = TypeVar("T")

BUFFER = 128 << 10
ALL = 1 << 62


class _Window(io.RawIOBase):
    """The records that begin in a part, as an unbuffered file; position 0 is the first one's."""

    def __init__(self, part: Part, newline: bytes | None, origin: Origin) -> None:
        super().__init__()
        self._origin = origin
        self._blocks = Blocks(origin, part.stop, part.size)
        self._stop = ALL if part.stop is None else part.stop
        whole = newline is None or part.stop is None
        self._newline = b"" if whole else newline or b""
        known = not self._newline or part.start == 0
        self._begin: int | None = part.start if known else None
        self._end: int | None = part.stop if whole or part.stop == part.size else None
        self._start = part.start
        self._position = 0

    # What takes time is a generator of what has to be waited for.

    def _first(self) -> Waiting[int]:
        if self._begin is None:
            self._begin = yield from self._search(self._start, self._stop, 0)
            if self._begin == self._stop:
                self._end = self._begin  # no record begins in this part
        return self._begin

    def _last(self) -> Waiting[int]:
        begin = yield from self._first()
        if self._end is None and self._stop < ALL:
            self._end = yield from self._search(self._stop, self._size(), begin)
        return ALL if self._end is None else self._end

    def _size(self) -> int:
        size = self._blocks.size
        return ALL if size is None else size

    def _search(self, at: int, before: int, floor: int) -> Waiting[int]:
        search = record_start(at, before, self._newline, floor)
        try:
            wanted = next(search)
            while True:
                wanted = search.send((yield from self._blocks.exactly(*wanted)))
        except StopIteration as found:
            return int(found.value)

    def some(self, position: int, limit: int) -> Waiting[bytes]:
        """Return up to `limit` bytes from `position` on; none at the end."""
        at = (yield from self._first()) + position
        known = self._end is not None
        if not known and at >= self._stop:
            yield from self._last()
        stop = self._stop if self._end is None else self._end
        if at >= stop or limit <= 0:
            return b""
        return (yield from self._blocks.some(at, min(at + limit, stop)))

    def _now(self, waiting: Waiting[T]) -> T:
        """Return what a generator returns, waiting for what it asks for."""
        try:
            wanted = next(waiting)
            while True:
                try:
                    if isinstance(wanted, tuple):
                        got = self._origin.read(*wanted)
                    else:
                        got = wanted.result()
                except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                    wanted = waiting.throw(error)
                else:
                    wanted = waiting.send(got)
        except StopIteration as done:
            value: T = done.value
            return value

    async def _soon(self, waiting: Waiting[T]) -> T:
        """Do the same without holding up the event loop."""
        import asyncio  # noqa: PLC0415 - where this is called, it is there already

        try:
            wanted = next(waiting)
            while True:
                future = self._origin.begin(*wanted) if isinstance(wanted, tuple) else wanted
                try:
                    # A wait that is given up does not end what the next one will take.
                    got = await asyncio.shield(asyncio.wrap_future(future))
                except BaseException as error:  # noqa: BLE001 - it is raised where it was asked for
                    wanted = waiting.throw(error)
                else:
                    wanted = waiting.send(got)
        except StopIteration as done:
            value: T = done.value
            return value

    # What `io` asks for.

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        data = self._now(self.some(self._position, len(target)))
        target[: len(data)] = data
        self._position += len(data)
        return len(data)

    def readall(self) -> bytes:
        pieces = []
        while data := self._now(self.some(self._position, ALL)):
            pieces.append(data)
            self._position += len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == io.SEEK_CUR:
            offset += self._position
        elif whence == io.SEEK_END:
            offset += self._now(self._length())
        if offset < 0:
            raise ValueError(f"a position cannot be negative: {offset}")
        self._position = offset
        return offset

    def _length(self) -> Waiting[int]:
        begin = yield from self._first()
        end = yield from self._last()
        if end != ALL:
            return end - begin
        position = self._position  # of an object of unknown size
        if not (yield from self.some(position, 1)):
            position = 0  # it may be behind the end
        while data := (yield from self.some(position, ALL)):
            position += len(data)
        return position

    async def aread(self, position: int, limit: int) -> bytes:
        """Return up to `limit` bytes from `position` on; fewer at the end only."""
        pieces = []
        left = limit
        while left > 0 and (data := await self.apiece(position, left)):
            pieces.append(data)
            position += len(data)
            left -= len(data)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def apiece(self, position: int, limit: int) -> bytes:
        """Return up to `limit` bytes from `position` on, of one block; none at the end."""
        return await self._soon(self.some(position, limit))

    def close(self) -> None:
        if not self.closed:
            self._blocks.close()
        super().close()


class ObjectReader(io.BufferedReader):
    """A part of an object, or all of it: what a function gets as its parameter ``obj``.

    A binary file like any other: `read`, `read1`, `readinto`, `readline`, iteration over lines,
    `seek`, `tell`; fit for `io.TextIOWrapper`, `gzip` and pandas. Nothing is read before it is
    wanted, and never more than a few MiB at a time. It holds whole records: those that begin in
    this part. In ``async def`` functions, use `aread` and ``async for``, which do not hold up the
    other calls.

    Attributes:
        backend: the storage's name; ``"localhost"`` for files, ``"http"`` for URLs.
        bucket: the bucket, or the folder of a file; None for a URL.
        key: the object's key, or the file's name; None for a URL.
        url: the URL, or None.
        path: the file's path, or None.
        part: the number of this part, from 1.
        total_parts: how many parts the object has.
        chunk_size: bytes of this part, before its end was moved to the end of a record; None if
            not known.
        data_byte_range: the first and the last of these bytes; None for the whole object.
        newline: what ends a record, or None.
        size: bytes of the whole object, or None if not known.
        etag: which version of the object was planned with; another one raises `ObjectChanged`.
    """

    def __init__(self, part: Part, newline: bytes | None, origin: Origin) -> None:
        self._window = _Window(part, newline, origin)
        super().__init__(self._window, BUFFER)
        self.backend = part.backend
        self.bucket = part.bucket
        self.key = part.key
        self.url = part.url
        self.path = part.path
        self.part = part.number
        self.total_parts = part.total
        self.chunk_size = None if part.stop is None else part.stop - part.start
        whole = part.total == 1 or part.stop is None
        self.data_byte_range = None if whole else (part.start, part.stop - 1)  # type: ignore[operator]  # it is known
        self.newline = newline
        self.size = part.size
        self.etag = part.etag
        self._turn: asyncio.Lock | None = None

    @property
    def data_stream(self) -> ObjectReader:
        """The reader itself: where Lithops has what is to be read."""
        return self

    async def aread(self, size: int | None = -1) -> bytes:
        """Return up to `size` bytes, fewer at the end only; all of them by default."""
        return await self._in_turn(self._window.aread, ALL if size is None or size < 0 else size)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Give it in pieces of at most a few MiB."""
        while data := await self._in_turn(self._window.apiece, ALL):
            yield data

    async def _in_turn(
        self, read: Callable[[int, int], Coroutine[Any, Any, bytes]], limit: int
    ) -> bytes:
        """Read from where the last one has ended, although others read at the same time."""
        if self._turn is None:
            import asyncio  # noqa: PLC0415 - where this is called, it is there already

            self._turn = asyncio.Lock()
        async with self._turn:
            position = self.tell()
            data = await read(position, limit)
            self.seek(position + len(data))
            return data

    def __repr__(self) -> str:
        name = self.url or self.path or f"{self.backend}://{self.bucket}/{self.key}"
        return f"<{name}, part {self.part} of {self.total_parts}>"
