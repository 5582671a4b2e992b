"""The worker as an ASGI application: one that any HTTP server for Python runs.

``uvicorn greenlithops.worker.application:app`` with the deployment's key in the environment
variable ``GREENLITHOPS_KEY``. ``GREENLITHOPS_CONCURRENCY`` says how many invocations run at a
time in one process (by default 1, as function services have it). ``POST /`` invokes,
``GET /`` says that it is there.
"""

from __future__ import annotations

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor

from greenlithops.errors import ProtocolError
from greenlithops.worker.capture import Routed
from greenlithops.worker.exchange import Exchange, disconnected, whole
from greenlithops.worker.service import Service, key_of_environment

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

CONCURRENCY_VARIABLE = "GREENLITHOPS_CONCURRENCY"


class Application:
    """An ASGI application around a `Service`.

    Args:
        key: what messages are authenticated with; by default that of the environment.
        concurrency: how many invocations run at a time; by default that of the environment, or 1.
    """

    def __init__(self, key: bytes | None = None, concurrency: int | None = None) -> None:
        self._key = key
        self._concurrency = concurrency
        self._service: Service | None = None
        self._threads: ThreadPoolExecutor | None = None
        self._unwatched: set[asyncio.Task[None]] = set()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            await self._answer(scope, receive, send)

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._unwatched:  # their replies are waited for, though by no connection
                    await asyncio.wait(self._unwatched)
                if self._threads is not None:
                    self._threads.shutdown(wait=False, cancel_futures=True)
                if self._service is not None:
                    self._service.close()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] == "GET":
            python = ".".join(map(str, sys.version_info[:2]))
            await say(send, 200, f"greenlithops worker, Python {python}")
            return
        if scope["method"] != "POST":
            await say(send, 405, "invocations are POST requests")
            return
        pieces = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        service, threads = self._parts()
        exchange = Exchange(service, threads, b"".join(pieces))
        headers = dict(scope["headers"])
        try:
            if headers.get(b"prefer") == b"respond-async":
                refusal = await exchange.accept()
                if refusal is not None:
                    await whole(send, refusal)
                    return
                task = asyncio.get_running_loop().create_task(exchange.deliver())
                self._unwatched.add(task)
                task.add_done_callback(self._unwatched.discard)
                await say(send, 202, "accepted")
                return
            watch = asyncio.create_task(disconnected(receive, exchange.stop))
            try:
                await exchange.reply(send, streams=b"stream" in headers.get(b"accept", b""))
            finally:
                watch.cancel()
        except ProtocolError as error:
            await say(send, 400, str(error))

    def _parts(self) -> tuple[Service, ThreadPoolExecutor]:
        if self._service is None or self._threads is None:
            most = self._concurrency or int(os.environ.get(CONCURRENCY_VARIABLE, "1"))
            sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
            self._service = Service(self._key or key_of_environment())
            self._threads = ThreadPoolExecutor(most, "greenlithops-call")
        return self._service, self._threads


async def say(send: Any, status: int, text: str) -> None:
    """Send a line of text as the whole response."""
    body = f"{text}\n".encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


app = Application()
