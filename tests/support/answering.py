"""A server for tests that answers byte by byte as it is told."""

import asyncio
import contextlib

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"


async def request(reader):
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(one.split(b":")[1]) for one in lines if one.startswith(b"content-length"))
    return head, await reader.readexactly(length)


@contextlib.asynccontextmanager
async def serving(serve, tls=None):
    """Serve connections with a coroutine function; give the port."""
    running = set()

    async def one(reader, writer):
        running.add(asyncio.current_task())
        with contextlib.suppress(asyncio.CancelledError, asyncio.IncompleteReadError, OSError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0, ssl=tls)
    async with server:
        yield server.sockets[0].getsockname()[1]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


def saying(*parts, close=False):
    """Serve requests on a connection with an answer in these parts, and end it then, or not."""

    async def serve(reader, writer):
        while True:
            await request(reader)
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0.01)
            if close:
                return

    return serve
