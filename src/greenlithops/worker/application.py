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

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request, or take part in the server's start and end."""
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http":
            status, kind, body = await self._answer(scope, receive)
            headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode())]
            await send({"type": "http.response.start", "status": status, "headers": headers})
            await send({"type": "http.response.body", "body": body})

    async def _live(self, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                await send({"type": "lifespan.startup.complete"})
            else:
                if self._threads is not None:
                    self._threads.shutdown(wait=False, cancel_futures=True)
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def _answer(self, scope: Any, receive: Any) -> tuple[int, bytes, bytes]:
        if scope["method"] == "GET":
            python = ".".join(map(str, sys.version_info[:2]))
            return 200, b"text/plain", f"greenlithops worker, Python {python}\n".encode()
        if scope["method"] != "POST":
            return 405, b"text/plain", b"invocations are POST requests\n"
        pieces = []
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return 400, b"text/plain", b"the request was cut\n"
            pieces.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        service, threads = self._parts()
        loop = asyncio.get_running_loop()
        try:
            reply = await loop.run_in_executor(threads, service.answer, b"".join(pieces))
        except ProtocolError as error:
            return 400, b"text/plain", f"{error}\n".encode()
        return 200, b"application/octet-stream", reply

    def _parts(self) -> tuple[Service, ThreadPoolExecutor]:
        if self._service is None or self._threads is None:
            most = self._concurrency or int(os.environ.get(CONCURRENCY_VARIABLE, "1"))
            sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
            self._service = Service(self._key or key_of_environment())
            self._threads = ThreadPoolExecutor(most, "greenlithops-call")
        return self._service, self._threads


app = Application()
