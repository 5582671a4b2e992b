"""One connection to a server: one request at a time on it, and its answer as it comes.

aiohttp's client takes twice the processor's time for that, of which ten thousand calls at once
have none to spare, and large objects half as much again to be copied. What is hard about HTTP, its
syntax, is left to llhttp.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol, cast

import httptools
from multidict import CIMultiDict

from greenlithops.backends.http.answer import DIRECT, Answer, BrokenConnection

if TYPE_CHECKING:
    from greenlithops.backends.http.answer import Follow
    from greenlithops.objects import Buffer

PIECE = 256 << 10  #: bytes that are given to the transport at one go
MOST_READ = 1 << 20  #: bytes that are received at one go
MOST_HEADERS = 256 << 10  #: bytes of them


class Owner(Protocol):
    """Who has the connections to a server.

    Attributes:
        scratch: where all of them receive what is looked at before the next one does.
    """

    scratch: memoryview

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Go on with what waits for an answer, soon."""

    def rest(self, connection: Connection) -> None:
        """Keep a connection for another request."""

    def gone(self, connection: Connection) -> None:
        """Forget a connection that has ended."""


class Connection(asyncio.BufferedProtocol):
    """A connection, which is used again after an answer that allows it.

    Attributes:
        left: bytes to come of a body whose length is known.
    """

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
        self._used = False
        self.left = 0
        self._lasting = False  #: whether it can be used again after a body received directly
        self._target: memoryview | None = None  #: where that is received
        self._follow: Follow | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return self._transport is not None and not self._transport.is_closing()

    @property
    def direct(self) -> bool:
        """Whether what comes next is to be received where it is given out."""
        return self.left >= DIRECT or (self.left > 0 and self._parser is None)

    @property
    def silent_since(self) -> float | None:
        """Since when nothing has come or was taken; None if it is this side that waits."""
        return None if self._paused else self.heard

    async def send(self, head: bytes, body: Buffer, *, bodiless: bool = False) -> Answer:
        """Send a request; return its answer, when all was written or that has ended before.

        Args:
            head: the request's line and headers.
            body: what follows them.
            bodiless: whether it asks for headers alone.

        Raises:
            BrokenConnection: the server cannot have it whole.
        """
        transport = self._transport
        if transport is None or transport.is_closing():
            raise BrokenConnection("a connection was closed", begun=False)
        answer = self.answer = Answer(self, bodiless=bodiless, reused=self._used)
        self._used = True
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

    def receive(self, view: memoryview, follow: Follow | None) -> None:
        """Have what comes next of a body of known length written to where it is given out.

        Args:
            view: for no more than `left` bytes; who waits is told when it is full.
            follow: called with each part that has come.
        """
        if self._parser is not None:  # which has nothing more to see
            self._lasting = self._parser.should_keep_alive()
            self._parser = None
        self._target, self._follow = view, follow

    def leave(self) -> None:
        """Take note that nobody waits for the answer any more."""
        if self.answer is not None:
            self.abort(BrokenConnection("nobody waited for the answer", begun=True))

    def abort(self, error: BrokenConnection | None = None) -> None:
        """End the connection at once; who waits for an answer is told why."""
        if error is not None:
            self._fail(error)
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: BrokenConnection) -> None:
        answer, self.answer = self.answer, None
        self._target = self._follow = None
        if answer is not None:
            answer.ended(error)

    def _end(self, *, lasting: bool) -> None:
        """End the answer, and be used again if that can be."""
        answer, self.answer = self.answer, None
        self._parser = self._target = self._follow = None
        self.left = 0
        if answer is not None:
            answer.ended()
        if self._writing or not lasting:
            self.abort()
        else:
            self.resume()
            self.owner.rest(self)

    def _pause(self) -> None:
        if not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    # What the transport tells.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = cast("asyncio.Transport", transport)
        self.heard = self._loop.time()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - there is as much room as there is
        """Return where what comes next is written."""
        return self.owner.scratch if self._target is None else self._target[:MOST_READ]

    def buffer_updated(self, nbytes: int) -> None:
        """Look at what has come."""
        self.heard = self._loop.time()
        if self.answer is None:
            self.abort()  # nothing was asked
        elif self._target is None:
            self._parse(self.owner.scratch[:nbytes], self.answer)
        else:
            self._received(nbytes, self._target, self.answer)

    def _received(self, size: int, target: memoryview, answer: Answer) -> None:
        if self._follow is not None:
            self._follow(target[:size])
        self.left -= size
        if size < len(target):
            self._target = target[size:]
        elif self.left:
            self._target = self._follow = None
            self._pause()
            answer.wake()
        else:
            self._end(lasting=self._lasting)

    def _parse(self, data: memoryview, answer: Answer) -> None:
        if not answer.status:
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
        if self.left >= DIRECT and not answer.awaited:
            self._pause()  # until somebody has room for it

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
        lengths = "content-length", "transfer-encoding"
        told = [value for name, value in answer.headers.items() if name.lower() in lengths]
        return all(value.lower() == "identity" for value in told)

    # What the parser tells.

    def on_message_begin(self) -> None:
        """End the connection if nothing was asked that this would answer."""
        if self.answer is None:
            self.abort()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header; what follows a body says nothing that is asked for here."""
        if self.answer is None or self.answer.status:
            return
        headers = self._headers
        if headers is None:
            headers = self._headers = []
        text = value.decode("utf-8", "surrogateescape")
        headers.append((name.decode("latin-1"), text))

    def on_headers_complete(self) -> None:
        """Begin the answer, unless it is one that is followed by another."""
        headers, self._headers, self._head_bytes = CIMultiDict(self._headers or ()), None, 0
        answer, parser = self.answer, self._parser
        if answer is None or parser is None:
            return
        status = parser.get_status_code()
        if status < 200:  # noqa: PLR2004 - these only say that it comes
            return
        if not answer.bodiless and "Transfer-Encoding" not in headers:
            self.left = int(headers.get("Content-Length", 0))
        answer.began(status, headers)
        if answer.bodiless:
            self._end(lasting=parser.should_keep_alive())

    def on_body(self, data: bytes) -> None:
        """Take a part of the body."""
        if self.answer is None:
            self.abort()  # it should have had none
            return
        if self.left:
            self.left -= len(data)
        if not self.answer.came(data):
            self._pause()

    def on_message_complete(self) -> None:
        """End the answer."""
        if self.answer is not None and self._parser is not None and self.answer.status:
            self._end(lasting=self._parser.should_keep_alive())
