"""One connection to a service: one request at a time on it, and its answer as it comes.

aiohttp's client takes twice the processor's time for that, of which ten thousand calls at once
have none to spare. What is hard about HTTP, its syntax, is left to llhttp.
"""

from __future__ import annotations

import asyncio
from typing import Protocol, cast

import httptools
from multidict import CIMultiDict

from greenlithops.backends.compute.http.answer import Answer, BrokenConnection

PIECE = 256 << 10  #: bytes that are given to the transport at one go
MOST_HEADERS = 256 << 10  #: bytes of them


class Owner(Protocol):
    """Who has the connections to a service."""

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Go on with what waits for an answer, soon."""

    def rest(self, connection: Connection) -> None:
        """Keep a connection for another request."""

    def gone(self, connection: Connection) -> None:
        """Forget a connection that has ended."""


class Connection(asyncio.Protocol):
    """A connection, which is used again after an answer that allows it."""

    def __init__(self, owner: Owner) -> None:
        self.owner = owner
        self.answer: Answer | None = None
        self.heard = 0.0  #: when something came or was taken last, by the loop's clock
        self._transport: asyncio.Transport | None = None
        #: only while an answer comes: a thousand that wait for one have little for Python to trace
        self._parser: httptools.HttpResponseParser | None = None
        self._headers: list[tuple[str, str]] | None = None  #: likewise
        self._head_bytes = 0  #: of status and headers, while they come
        self._writing = False  #: whether a request is not written whole
        self._writable: asyncio.Future[None] | None = None
        self._paused = False
        self._loop = asyncio.get_running_loop()

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def silent_since(self) -> float | None:
        """Since when nothing has come or was taken; None if it is this side that waits."""
        return None if self._paused else self.heard

    async def send(self, head: bytes, body: bytes) -> Answer:
        """Send a request; return its answer, when all was written or that has ended before.

        Raises:
            BrokenConnection: the service cannot have it whole.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise BrokenConnection("a connection was closed", begun=False)
        answer = self.answer = Answer(self)
        self.heard = self._loop.time()
        if len(body) <= PIECE:
            transport.write(head + body)
            return answer
        self._writing = True
        transport.write(head)
        view = memoryview(body)
        try:
            for start in range(0, len(view), PIECE):
                transport.write(view[start : start + PIECE])
                if self._writable is not None:
                    await self._writable
                await asyncio.sleep(0)  # others have their turn
                self.heard = self._loop.time()
                if answer.over:
                    break
            else:
                self._writing = False
        except BaseException:
            self.abort()
            raise
        if self._writing and answer.over:
            self.abort()  # where the request ends is not known on the other side
        return answer

    def resume(self) -> None:
        """Have more of the answer come."""
        if self._paused and self._transport is not None:
            self._paused = False
            self.heard = self._loop.time()
            self._transport.resume_reading()

    def leave(self) -> None:
        """Take note that nobody waits for the answer any more."""
        answer, self.answer = self.answer, None
        if answer is not None:
            self.abort()

    def abort(self, error: BrokenConnection | None = None) -> None:
        """End the connection at once; who waits for an answer is told why."""
        if error is not None:
            self._fail(error)
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: BrokenConnection) -> None:
        answer, self.answer = self.answer, None
        if answer is not None:
            answer.ended(error)

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.heard = self._loop.time()

    def data_received(self, data: bytes) -> None:
        """Read a part of an answer."""
        self.heard = self._loop.time()
        if self.answer is None:
            self.abort()  # nothing was asked
            return
        if not self.answer.status:
            if self._head_bytes > MOST_HEADERS:
                self.abort(BrokenConnection("the answer has too many headers", begun=True))
                return
            self._head_bytes += len(data)
        parser = self._parser
        if parser is None:
            parser = self._parser = httptools.HttpResponseParser(self)
        try:
            parser.feed_data(data)
        except (
            httptools.HttpParserError,
            httptools.HttpParserUpgrade,
            UnicodeDecodeError,
        ) as error:
            text = f"what was answered is no HTTP: {error}"
            self.abort(BrokenConnection(text, begun=True))

    def eof_received(self) -> None:
        """Have the connection closed."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End."""
        answer = self.answer
        if exc is None and answer is not None and answer.status and self._until_closed(answer):
            self.answer = None
            answer.ended()
        text = "it was closed" if exc is None else str(exc) or type(exc).__name__
        self._fail(BrokenConnection(text, begun=not self._writing))
        self.resume_writing()
        self._transport = self._parser = None
        self.owner.gone(self)

    def pause_writing(self) -> None:
        """Wait until the kernel has taken something."""
        self._writable = self._loop.create_future()

    def resume_writing(self) -> None:
        """Go on."""
        writable, self._writable = self._writable, None
        if writable is not None and not writable.done():
            writable.set_result(None)

    @staticmethod
    def _until_closed(answer: Answer) -> bool:
        """Return whether an answer has no other end than the connection's."""
        coding = answer.headers.get("Transfer-Encoding", "")
        return "Content-Length" not in answer.headers and not coding.endswith("chunked")

    # What the parser tells.

    def on_message_begin(self) -> None:
        """End the connection if nothing was asked that this would answer."""
        if self.answer is None:
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        headers = self._headers
        if headers is None:
            headers = self._headers = []
        headers.append((name.decode("latin-1"), value.decode("latin-1")))

    def on_headers_complete(self) -> None:
        """Begin the answer, unless it is one that is followed by another."""
        headers, self._headers, self._head_bytes = self._headers or [], None, 0
        status = self._parser.get_status_code() if self._parser is not None else 0
        if self.answer is not None and status >= 200:  # noqa: PLR2004 - others only say that it comes
            self.answer.began(status, CIMultiDict(headers))

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        if self.answer is not None and not self.answer.came(data) and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """End the answer."""
        answer, parser = self.answer, self._parser
        if answer is None or parser is None or not answer.status:
            return
        self.answer = self._parser = None
        answer.ended()
        if self._writing or not parser.should_keep_alive():
            self.abort()
        else:
            self.resume()
            self.owner.rest(self)
