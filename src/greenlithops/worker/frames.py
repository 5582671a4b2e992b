"""The framing that client and worker share over any byte stream, authenticated before unpickling.

A frame is ``header | body | buffers``. The body is a message (a pickle of plain tuples, numbers
and bytes) followed by a table of the buffers' lengths; buffers are raw memory (arrays, large
``bytes``) that is never unpickled. The header ends with an HMAC-SHA256 over the direction, the
frame's number, the rest of the header and the whole body: bytes that were altered, replayed,
reordered or written by somebody without the key raise `ProtocolError` before ``pickle`` sees
them. The contents of raw buffers are not covered, only their lengths: altering them could change
numbers in an array, never run code, and hashing them would halve the throughput of large data.

Where memory is read-only at the sender, it arrives as ``bytes`` that were filled in place: fresh
memory is what large data costs most, so no value is received into one buffer and copied to another.
"""

from __future__ import annotations

import hmac
import struct
import sys

from greenlithops.errors import ProtocolError

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

Buffer = bytes | bytearray | memoryview
Raw = bytes | bytearray
Frame = tuple[int, memoryview, list[Raw]]  #: kind, message, raw buffers

MAGIC = b"glo1"
KEY_BYTES = 32
MAC_BYTES = 32
HEADER = struct.Struct("<4sBxxxIQQ")  #: magic, kind, number of buffers, body bytes, frame number
HEADER_BYTES = HEADER.size + MAC_BYTES
STAGING_BYTES = 256 * 1024
MAX_BODY_BYTES = 1 << 40
HUGE = 8 << 20  #: memory from which huge pages are asked for
HUGE_PAGE = 2 << 20
MADV_HUGEPAGE = 14

TO_WORKER = b"\x00"
TO_CLIENT = b"\x01"

# Client to worker.
HELLO, CLASS, FUNCTION, CALLS, RECALL, CANCEL, FORGET, EXIT = range(1, 9)
# Worker to client.
READY, OUTCOMES, RETURNED, LOGS, BROKEN = range(32, 37)


class Sealer:
    """Turns messages into the byte strings to send, in one direction of one stream."""

    __slots__ = ("_direction", "_key", "_number")

    def __init__(self, key: bytes, direction: bytes) -> None:
        self._key = key
        self._direction = direction
        self._number = 0

    def seal(self, kind: int, message: bytes, buffers: list[Any] | None = None) -> list[Buffer]:
        """Return the frame as pieces to be sent one after the other, without copying buffers."""
        views = [memoryview(buffer) for buffer in buffers or ()]
        count = len(views)
        table = struct.pack(f"<{count}Q", *(view.nbytes << 1 | view.readonly for view in views))
        header = HEADER.pack(MAGIC, kind, count, len(message) + len(table), self._number)
        self._number += 1
        mac = _mac(self._key, self._direction, header, message, table)
        pieces: list[Buffer] = [header + mac + message + table]
        if len(message) > STAGING_BYTES:
            pieces = [header + mac, message, table]
        pieces.extend(views)
        return pieces


class FrameReader:
    """Assembles frames from bytes as they come, without doing any I/O itself.

    Put bytes into `space`, tell `advance` how many there were, take the frames that it returns.
    Large buffers are received straight into their final memory.
    """

    def __init__(self, key: bytes, direction: bytes) -> None:
        self._key = key
        self._direction = direction
        self._number = 0
        self._view = memoryview(bytearray(STAGING_BYTES))
        self._start = self._end = 0
        self._target: memoryview | None = None
        self._filled = 0
        self._header = b""
        self._body = bytearray()
        self._body_bytes = 0
        self._kind = 0
        self._count = 0
        self._message: memoryview | None = None
        self._lengths: tuple[int, ...] = ()
        self._buffers: list[Raw] = []

    def space(self) -> memoryview:
        """Return the memory into which the next bytes of the stream belong."""
        if self._target is not None:
            return self._target[self._filled :]
        return self._view[self._end :]

    def advance(self, received: int) -> list[Frame]:
        """Take note of `received` new bytes in `space`; return the frames that are now whole.

        Raises:
            ProtocolError: the bytes are not an authentic frame.
        """
        if self._target is not None:
            self._filled += received
        else:
            self._end += received
        frames: list[Frame] = []
        while self._step(frames):
            pass
        return frames

    def _step(self, frames: list[Frame]) -> bool:
        if self._target is not None:
            return self._fill_target(frames)
        if self._message is not None:
            return self._next_buffer(frames)
        return self._read_header()

    def _read_header(self) -> bool:
        if self._end - self._start < HEADER_BYTES:
            self._compact()
            return False
        stop = self._start + HEADER_BYTES
        self._header = bytes(self._view[self._start : stop])
        self._start = stop
        magic, self._kind, self._count, body_bytes, number = HEADER.unpack_from(self._header)
        if magic != MAGIC or number != self._number or not 0 < body_bytes <= MAX_BODY_BYTES:
            raise ProtocolError("a frame's header is not one of ours; the stream is given up")
        self._number += 1
        stop = self._start + body_bytes
        if stop <= self._end:
            body = self._view[self._start : stop]
            self._start = stop
            # A copy, since the staging memory is used again.
            self._open_body(memoryview(bytes(body)))
        else:
            self._body_bytes = body_bytes
            self._grow_body(bytearray())
        return True

    def _grow_body(self, body: bytearray) -> None:
        """Make room for more of a long body: a length is not believed before it is authentic."""
        filled = len(body)
        grown = bytearray(filled + min(self._body_bytes - filled, max(filled, STAGING_BYTES)))
        grown[:filled] = body
        self._body = grown
        self._target = memoryview(grown)
        self._filled = filled

    def _fill_target(self, frames: list[Frame]) -> bool:
        target = self._target
        assert target is not None  # noqa: S101 - narrows the type for mypy
        waiting = min(len(target) - self._filled, self._end - self._start)
        if waiting:
            target[self._filled : self._filled + waiting] = self._view[
                self._start : self._start + waiting
            ]
            self._filled += waiting
            self._start += waiting
        if self._filled < len(target):
            self._compact()
            return False
        self._target = None
        if self._message is None:
            if len(self._body) < self._body_bytes:
                self._grow_body(self._body)
            else:
                body, self._body = self._body, bytearray()
                self._open_body(memoryview(body))
            return True
        return self._next_buffer(frames)

    def _open_body(self, body: memoryview) -> None:
        header, mac = self._header[: HEADER.size], self._header[HEADER.size :]
        if not hmac.compare_digest(_mac(self._key, self._direction, header, body), mac):
            raise ProtocolError("a frame was not made with this executor's key; it was not read")
        split = len(body) - 8 * self._count
        if split < 0:
            raise ProtocolError("a frame is shorter than its table of buffers")
        self._message = body[:split]
        self._lengths = struct.unpack(f"<{self._count}Q", body[split:])
        self._buffers = []

    def _next_buffer(self, frames: list[Frame]) -> bool:
        while len(self._buffers) < len(self._lengths):
            entry = self._lengths[len(self._buffers)]
            buffer, view = _memory(entry >> 1, readonly=bool(entry & 1))
            self._buffers.append(buffer)
            if buffer:
                self._target = view
                self._filled = 0
                return True
        message = self._message
        assert message is not None  # noqa: S101 - narrows the type for mypy
        frames.append((self._kind, message, self._buffers))
        self._message = None
        self._buffers = []
        return True

    def _compact(self) -> None:
        left = self._end - self._start
        if left and self._start:
            self._view[:left] = bytes(self._view[self._start : self._end])
        self._start, self._end = 0, left


def _memory(size: int, *, readonly: bool) -> tuple[Raw, memoryview]:
    """Return memory to receive into, and a view to write to it."""
    if not size or sys.implementation.name != "cpython":
        plain = bytearray(size)
        return plain, memoryview(plain)
    import ctypes  # noqa: PLC0415 - only for large data

    data: Raw
    kind = ctypes.c_char * size
    if readonly:
        data = bytes(size)  # nobody else knows it yet, so it may still be written
        memory = kind.from_address(id(data) + bytes.__basicsize__ - 1)
    else:
        data = bytearray(size)
        memory = kind.from_buffer(data)
    if size >= HUGE and sys.platform == "linux":
        # A page fault for every 4 KiB costs more than the copy itself.
        first = -(-ctypes.addressof(memory) // HUGE_PAGE) * HUGE_PAGE
        length = ctypes.addressof(memory) + size - first
        ctypes.CDLL(None).madvise(ctypes.c_void_p(first), ctypes.c_size_t(length), MADV_HUGEPAGE)
    return data, memoryview(memory).cast("B")


def _mac(key: bytes, direction: bytes, header: bytes, *parts: Buffer) -> bytes:
    if len(parts) == 1 and len(parts[0]) <= STAGING_BYTES:
        return hmac.digest(key, direction + header + parts[0], "sha256")
    code = hmac.new(key, direction + header, "sha256")
    for part in parts:
        code.update(part)
    return code.digest()
