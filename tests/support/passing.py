"""A proxy for tests, which passes on to this machine."""

import asyncio
import contextlib


class Proxy:
    """Passes on to this machine whatever host it is asked for.

    Args:
        status: what it answers to who wants a tunnel.
    """

    def __init__(self, status=b"200 Connection established"):
        self.status = status
        self.heads = []
        self.port = 0
        self._tasks = set()

    async def __aenter__(self):
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_):
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader, writer):
        self._tasks.add(asyncio.current_task())
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heads.append(head.decode())
            method, target, _ = head.split(b" ", 2)
            place = target if method == b"CONNECT" else target.split(b"/")[2]
            if method == b"CONNECT":
                writer.write(b"HTTP/1.1 " + self.status + b"\r\nVia: one\r\n\r\n")
            if method != b"CONNECT" or self.status.startswith(b"200"):
                port = int(place.rpartition(b":")[2])
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
                if method != b"CONNECT":
                    far_writer.write(head.replace(target, b"/" + target.split(b"/", 3)[3], 1))
                await asyncio.gather(_pipe(reader, far_writer), _pipe(far_reader, writer))
        writer.close()


async def _pipe(reader, writer):
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()
