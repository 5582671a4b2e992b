"""A function service that takes a second for every call, in as little CPU time as it can.

``/raw`` answers anything with bytes; ``/`` answers our own messages as a service would.
"""

from __future__ import annotations

import asyncio
import pickle
import sys
import time
from array import array

import uvloop

from greenlithops.worker import invocation
from greenlithops.worker.journal import FIELDS

SECONDS = 1.0
KEY = b"benchmark"
NONE = pickle.dumps(None, 5)
RAW = b"x" * 120


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer the requests of one connection, one after the other."""
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.split(b":")[1])
                for line in head.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            )
            body = await reader.readexactly(length)
            await asyncio.sleep(SECONDS)
            reply = RAW if head.startswith(b"POST /raw") else answer(body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(reply) + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return  # the client is done
    finally:
        writer.close()


def answer(body: bytes) -> bytes:
    """Return outcomes of calls that returned nothing."""
    content, _ = invocation.unpack(KEY, invocation.REQUEST, body)
    calls = len(content[5])
    figures = [time.time_ns(), int(SECONDS * 1e9), *[0] * (FIELDS - 2)]
    times = array("q", figures * calls).tobytes()
    outcomes = (bytes(calls), [NONE] * calls, b"", times)
    return invocation.pack(
        KEY, invocation.REPLY, (invocation.OUTCOMES, "server", False, *outcomes, {})
    )


async def main() -> None:
    """Serve on the port of the command line until killed."""
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=20_000)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main())
