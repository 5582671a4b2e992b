"""One request and its reply, in an ASGI application: calls in a thread, outcomes as they end."""

from __future__ import annotations

import asyncio
from collections import deque

from greenlithops.worker import invocation

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from concurrent.futures import Executor
    from typing import Any

    from greenlithops.worker.requests import Outcome, Request
    from greenlithops.worker.service import Service

GATHER_SECONDS = 0.005  #: between two parts of a stream


class Exchange:
    """A request that is being answered.

    Args:
        service: runs its calls.
        threads: where it does so, when one is free.
        body: the request.
    """

    def __init__(self, service: Service, threads: Executor, body: bytes) -> None:
        self._service = service
        self._threads = threads
        self._body = body
        self._loop = asyncio.get_running_loop()
        self._request: Request | None = None
        self._stopped = False
        self._place = ""
        self._held: deque[Outcome] = deque()  # a thread adds, the loop takes
        self._news = asyncio.Event()

    def stop(self) -> None:
        """Begin with no further call: nobody waits for the reply."""
        self._stopped = True
        if self._request is not None:
            self._request.stop()

    # With a connection that waits.

    async def reply(self, send: Any, *, streams: bool) -> None:
        """Run the calls, and send their outcomes.

        Args:
            send: as ASGI has it.
            streams: whether the client takes a reply in parts.

        Raises:
            ProtocolError: the message is no request, or not authentic.
        """
        work = self._loop.run_in_executor(self._threads, self._work)
        work.add_done_callback(lambda _: self._news.set())
        started = False
        try:
            while streams and not work.done():
                await self._news.wait()
                self._news.clear()
                if work.done() or not self._held:
                    continue
                part = self._message(last=False)
                if not started:
                    await send(_head([(b"content-type", invocation.STREAM.encode())]))
                    started = True
                await _more(send, part)
                await asyncio.wait([work], timeout=GATHER_SECONDS)
            refusal = await work
        finally:
            if not work.done():
                self.stop()
                work.cancel()
        message = refusal or self._message(last=True)
        if started:
            await _more(send, message)
            await send({"type": "http.response.body", "body": b""})
        else:
            await whole(send, message)

    def _work(self) -> bytes | None:
        """Run the calls; return a reply that says why not, if they cannot be run."""
        if self._stopped:
            return None
        request = self._service.read(self._body)
        self._body = b""
        if isinstance(request, bytes):
            return request
        self._request = request
        request.stopped = self._stopped  # it may have been set meanwhile
        self._service.run(request, self._tell)
        return None

    def _tell(self, outcome: Outcome) -> None:
        self._held.append(outcome)
        self._loop.call_soon_threadsafe(self._news.set)

    def _message(self, *, last: bool) -> bytes:
        held = [self._held.popleft() for _ in range(len(self._held))]
        if self._request is None:
            return b""
        return self._service.told(self._request, held, last=last)

    # Without one.

    async def accept(self) -> bytes | None:
        """Take a request in an envelope; return a reply that says why not, if it is not taken.

        Raises:
            ProtocolError: the message is none, or not authentic.
        """
        self._body, self._place = self._service.addressed(self._body)
        found = await self._loop.run_in_executor(None, self._service.read, self._body)
        if isinstance(found, bytes):
            return found
        self._request = found
        return None

    async def deliver(self) -> None:
        """Run the calls, and put the reply where the request asks for."""
        if self._request is not None:
            deliver = self._service.deliver
            await self._loop.run_in_executor(self._threads, deliver, self._request, self._place)


async def disconnected(receive: Any, then: Callable[[], None]) -> None:
    """Do something when the client is gone."""
    while (await receive())["type"] != "http.disconnect":
        pass
    then()


async def whole(send: Any, message: bytes) -> None:
    """Send a message as the whole response."""
    length = str(len(message)).encode()
    kind = (b"content-type", invocation.WHOLE.encode())
    await send(_head([kind, (b"content-length", length)]))
    await send({"type": "http.response.body", "body": message})


def _head(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, Any]:
    return {"type": "http.response.start", "status": 200, "headers": list(headers)}


async def _more(send: Any, message: bytes) -> None:
    body = invocation.LENGTH.pack(len(message)) + message
    await send({"type": "http.response.body", "body": body, "more_body": True})
