"""HTTP/1.1 messages as they pass through: heads, bodies, and connections."""

import asyncio
import contextlib
import socket
import struct

PIECE = 64 << 10


class Head:
    """The first line and the headers of a message."""

    def __init__(self, raw):
        self.raw = raw
        first, *lines = raw.decode("latin-1").strip().split("\r\n")
        words = first.split(" ")
        self.method = words[0]
        self.status = int(words[1]) if first.startswith("HTTP/") else 0
        pairs = (line.partition(":") for line in lines)
        self._values = {name.strip().lower(): value.strip().lower() for name, _, value in pairs}
        self.length = int(self.value("content-length") or 0)
        self.chunked = self.value("transfer-encoding") == "chunked"
        #: whether the message tells where it ends
        self.ends = self.chunked or self.value("content-length") is not None
        if not self.status or self.status in {204, 304}:
            self.ends = True

    def value(self, name):
        return self._values.get(name)


class Side:
    """A connection to the client or to the server."""

    def __init__(self, reader, writer):
        self.reader = reader
        self.writer = writer

    async def head(self):
        """Return the next message's head; None at the end."""
        try:
            return Head(await self.reader.readuntil(b"\r\n\r\n"))
        except asyncio.IncompleteReadError:
            return None

    async def body(self, head, method):
        """Give a message's body as it comes, chunks with their lengths."""
        if head.status and (method == "HEAD" or head.status in {204, 304}):
            return
        if head.chunked:
            while True:
                line = await self.reader.readuntil(b"\r\n")
                size = int(line.partition(b";")[0], 16)
                yield line + await self.reader.readexactly(size + 2)
                if not size:
                    return
        left = head.length if head.ends else -1
        while left:
            piece = await self.reader.read(PIECE if left < 0 else min(left, PIECE))
            if not piece:
                if left > 0:
                    raise EOFError
                return
            left -= len(piece) if left > 0 else 0
            yield piece

    def reset(self):
        """Let the other side see a reset rather than an end."""
        with contextlib.suppress(OSError):
            connection = self.writer.get_extra_info("socket")
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def close(self):
        self.writer.close()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def corrupted(pieces):
    """Give pieces, with one bit of the first one turned over."""
    first = True
    async for piece in pieces:
        middle = len(piece) // 2
        changed = bytes([piece[middle] ^ 1])
        yield piece[:middle] + changed + piece[middle + 1 :] if first else piece
        first = False
