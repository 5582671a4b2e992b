"""A function service whose calls take the seconds of their query, in as little CPU time as it can.

``/raw`` answers anything with bytes; ``/`` answers our own messages as a service would;
``/lithops`` accepts Lithops' and leaves their outcomes in its storage. ``/peak`` tells how many
were open at a time since it was asked last.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import sys
import time
from array import array
from pathlib import Path

import uvloop

from greenlithops.worker import invocation
from greenlithops.worker.journal import FIELDS

KEY = b"benchmark"
NONE = pickle.dumps(None, 5)
RAW = b"x" * 120
OPEN = {"now": 0, "peak": 0}
LATER: set[asyncio.Task[None]] = set()


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
            reply = await answered(head.split(b" ", 2)[1].decode(), body)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(reply) + reply)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return  # the client is done
    finally:
        writer.close()


async def answered(target: str, body: bytes) -> bytes:
    """Return what a request is answered with, after its time."""
    path, _, seconds = target.partition("?")
    if path == "/peak":
        peak, OPEN["peak"] = OPEN["peak"], OPEN["now"]
        return b"%d" % peak
    if path == "/lithops":
        running = asyncio.create_task(left_in_storage(json.loads(body), float(seconds)))
        LATER.add(running)
        running.add_done_callback(LATER.discard)
        return b"{}"
    await passed(float(seconds))
    return RAW if path == "/raw" else answer(body, float(seconds))


async def passed(seconds: float) -> None:
    """Be open for some time."""
    OPEN["now"] += 1
    OPEN["peak"] = max(OPEN.values())
    try:
        await asyncio.sleep(seconds)
    finally:
        OPEN["now"] -= 1


async def left_in_storage(asked: dict[str, str], seconds: float) -> None:
    """Put the outcomes of Lithops' calls where its client looks for them."""
    start = time.time()
    await passed(seconds)
    for call in asked["call_ids"]:
        folder = Path(asked["folder"]) / call
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "output.pickle").write_bytes(NONE)
        status = {
            "type": "__end__",
            "exception": False,
            "activation_id": call,
            "call_id": call,
            "job_id": asked["job_id"],
            "executor_id": asked["executor_id"],
            "worker_start_tstamp": start,
            "worker_end_tstamp": time.time(),
            "worker_func_start_tstamp": start,
            "worker_func_end_tstamp": time.time(),
            "worker_func_exec_time": time.time() - start,
            "host_submit_tstamp": asked["host_submit_tstamp"],
            "chunksize": 1,
            "worker_calls": 1,
            "worker_cold_start": False,
            "func_result_size": len(NONE),
            "output_size": len(NONE),
        }
        half = folder / "status.half"
        half.write_text(json.dumps(status), encoding="utf-8")
        half.rename(folder / "status.json")


def answer(body: bytes, seconds: float) -> bytes:
    """Return outcomes of calls that returned nothing."""
    content, _ = invocation.unpack(KEY, invocation.REQUEST, body)
    calls = len(content[5])
    figures = [time.time_ns(), int(seconds * 1e9), *[0] * (FIELDS - 2)]
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
