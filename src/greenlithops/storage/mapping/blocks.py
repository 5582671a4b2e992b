"""An object's bytes as blocks: those that are being read, and the next ones on their way.

What has to be waited for is asked for by `yield`, so that functions and coroutines share it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Protocol, TypeVar

from greenlithops.errors import ForkedError

if TYPE_CHECKING:
    from collections.abc import Generator
    from concurrent.futures import Future

    #: a range that has to be read, or one that is on its way
    Wanted = tuple[int, int] | Future[bytes]
    T = TypeVar("T")
    Waiting = Generator[Wanted, bytes, T]


class Origin(Protocol):
    """Where the bytes of an object come from."""

    block: int  #: bytes that are read together
    tail: int  #: bytes that are read after the end of a part, for its last record
    ahead: bool  #: whether it pays to ask for a block before it is needed

    def read(self, start: int, stop: int) -> bytes:
        """Return ``data[start:stop]``: all of it, or less at the end of the object."""
        ...

    def begin(self, start: int, stop: int) -> Future[bytes]:
        """Do the same in the background."""
        ...

    def close(self) -> None:
        """Let go of everything."""
        ...


class Blocks:
    """Reads a part of an object in blocks, in any order; quick when it is from front to back.

    Args:
        origin: where bytes come from.
        stop: where the part ends; its last record may go on after that. None: not known.
        size: the object's bytes; None: not known.
    """

    def __init__(self, origin: Origin, stop: int | None, size: int | None) -> None:
        self._origin = origin
        self._stop = stop
        self.size = size
        #: the last two blocks, with where they begin: records may lie across
        self._kept: list[tuple[int, bytes]] = []
        self._coming: tuple[int, int, Future[bytes]] | None = None
        self._step = origin.tail
        self._pid: int | None = None  #: the process that reads

    def exactly(self, start: int, stop: int) -> Waiting[bytes]:
        """Return ``data[start:stop]``."""
        piece = yield from self.some(start, stop)
        if len(piece) == stop - start:
            return piece
        pieces = [piece]
        start += len(piece)
        while piece and start < stop:
            piece = yield from self.some(start, stop)
            pieces.append(piece)
            start += len(piece)
        return b"".join(pieces)

    def some(self, start: int, stop: int) -> Waiting[bytes]:
        """Return the first bytes of ``data[start:stop]``; none at the end of the object.

        Raises:
            ForkedError: another process has begun to read, and this one was forked off it.
        """
        for base, data in self._kept:
            if base <= start < base + len(data):
                offset = start - base
                whole = not offset and stop - base >= len(data)
                return data if whole else data[offset : offset + stop - start]
        if self.size is not None and start >= self.size:
            return b""
        base, data = yield from self._block(start, stop)
        self._kept = [*self._kept[-1:], (base, data)]
        offset = start - base
        return data[offset : offset + stop - start]

    def _block(self, start: int, stop: int) -> Waiting[tuple[int, bytes]]:
        """Return the block in which `start` is, and where it begins."""
        self._check_process()
        coming = self._coming
        if coming is not None and coming[0] <= start < coming[1]:
            base, end, future = coming
            try:
                data = yield future
            finally:
                if future.done():  # else the wait was given up, and somebody may come again
                    self._coming = None
        else:
            base, end = start, self._end_of(start, stop)
            data = yield start, end
        if data and self._origin.ahead and self._coming is None and self._is_inside(end):
            self._coming = (
                end,
                self._end_of(end, end),
                self._origin.begin(end, self._end_of(end, end)),
            )
        return base, data

    def _check_process(self) -> None:
        # A forked process has neither the threads that read ahead nor a connection of its own.
        self._pid = self._pid or os.getpid()
        if self._origin.ahead and self._pid != os.getpid():
            raise ForkedError("an object that was opened before a fork cannot be read after it")

    def _is_inside(self, position: int) -> bool:
        if self._stop is None:
            return self.size is None or position < self.size
        return position < self._stop

    def _end_of(self, start: int, wanted: int) -> int:
        """Return where a block ends that begins at `start`: not far behind the part's end."""
        block = self._origin.block
        if self._stop is None:
            return start + block if self.size is None else min(start + block, self.size)
        if start >= self._stop:  # a record that goes on: more each time
            end = max(start + self._step, min(wanted, start + block))
            self._step = min(2 * self._step, block)
        else:
            end = start + block
            if end >= self._stop:
                end = self._stop + self._origin.tail
        return end if self.size is None else min(end, self.size)

    def close(self) -> None:
        """Forget everything, and stop what is on its way."""
        if self._coming is not None:
            self._coming[2].cancel()
            self._coming = None
        self._kept = []
        self._origin.close()
