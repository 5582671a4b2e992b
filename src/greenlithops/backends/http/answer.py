"""What comes over a connection for one request: whole, or in parts as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from greenlithops.backends.http.room import room

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.backends.http.connection import Connection

    Follow = Callable[[bytes | memoryview], object]

READ_AHEAD = 1 << 20  #: bytes of an answer that may wait for whoever reads it in parts
DIRECT = 128 << 10  #: bytes to come from which on they are received where they are given out


class BrokenConnection(Exception):
    """A connection ended before an answer had.

    Attributes:
        begun: whether the service may have the whole request.
    """

    def __init__(self, text: str, *, begun: bool) -> None:
        super().__init__(text)
        self.begun = begun


class Answer:
    """What comes for one request.

    Attributes:
        status: HTTP's; 0 until it has come.
        headers: whose names are found in any case.
        bodiless: whether it ends with its headers, whatever they say of a length.
        reused: whether its connection had brought another before.
    """

    __slots__ = (
        "_body",
        "_connection",
        "_error",
        "_over",
        "_waiter",
        "_wanted",
        "bodiless",
        "headers",
        "reused",
        "status",
    )

    def __init__(self, connection: Connection, *, bodiless: bool, reused: bool) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
        self.bodiless = bodiless
        self.reused = reused
        self._connection = connection
        self._body = bytearray()
        self._over = False
        self._error: BrokenConnection | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._wanted = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will come."""
        return self._over or self._error is not None

    @property
    def awaited(self) -> bool:
        """Whether somebody waits for what comes."""
        return self._waiter is not None

    async def begin(self) -> None:
        """Wait for status and headers. Raises `BrokenConnection` if they do not come."""
        while not self.status:
            await self._news(0)

    async def read(self, follow: Follow | None = None) -> bytes:
        """Return what is left of the body. Raises `BrokenConnection` if it is cut.

        Args:
            follow: called with each part of it as it comes.
        """
        while not self._over:
            size = len(self._body) + self._connection.left
            if self._connection.direct:
                file = room(size)
                if await self._fill(file.getbuffer(), follow) < size:
                    raise self._cut()
                return file.getvalue()
            await self._news(-1)
        body, self._body = bytes(self._body), bytearray()
        if follow is not None and body:
            follow(body)
        return body

    async def some(self, most: int) -> bytes:
        """Return the next bytes of the body, up to so many; none at its end.

        Raises:
            BrokenConnection: it is cut; what had come before was given out.
        """
        if not self._body and not self._over and self._connection.direct:
            size = min(most, self._connection.left)
            file = room(size)
            came = await self._fill(file.getbuffer(), None)
            if not came:
                raise self._cut()
            return file.getvalue() if came == size else file.getvalue()[:came]
        while not self._body and not self._over:
            await self._news(1)
        part = bytes(self._body[:most])
        del self._body[:most]
        return part

    async def exactly(self, size: int) -> bytes:
        """Return the next bytes of the body; none at its end.

        Raises:
            BrokenConnection: there are some, but not so many.
        """
        while len(self._body) < size and not self._over:
            await self._news(size)
        if self._body and len(self._body) < size:
            raise self._cut()
        part = bytes(self._body[:size])
        del self._body[:size]
        return part

    def release(self) -> None:
        """Let the connection be used again if all of the body has come, else close it."""
        if not self.over:
            self._connection.leave()

    async def _fill(self, view: memoryview, follow: Follow | None) -> int:
        """Receive the next bytes in a view; return how many, which are less if the rest is lost."""
        have, before, size = len(self._body), self._connection.left, len(view)
        with view:  # let go of, since the trace of an error may hold this frame for long
            view[:have] = self._body
            if follow is not None and have:
                follow(view[:have])
            self._body = bytearray()
            self._check()
            self._connection.receive(view[have:], follow)
            try:
                await self._news(-1)
            except BaseException:
                self.release()  # nothing may be written there any more
                raise
        # After a whole answer, what is left on the connection may be of another one by now.
        return size if self._error is None else have + before - self._connection.left

    def _cut(self) -> BrokenConnection:
        return self._error or BrokenConnection("the answer is cut", begun=True)

    def _check(self) -> None:
        if self._error is not None:
            raise self._error

    def _news(self, wanted: int) -> asyncio.Future[None]:
        """Return what is done when so many bytes are there, 0 for the headers, -1 for the end."""
        self._check()
        self._wanted = wanted
        self._connection.resume()
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        return waiter

    # What the connection tells.

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """Take status and headers."""
        self.status, self.headers = status, headers
        if self._wanted == 0 or self._connection.left >= DIRECT:
            self.wake()

    def came(self, data: bytes) -> bool:
        """Take a part of the body; return whether more of it may come."""
        self._body += data
        enough = 0 <= self._wanted <= len(self._body)
        if enough:
            self.wake()
        return not enough or len(self._body) < READ_AHEAD

    def ended(self, error: BrokenConnection | None = None) -> None:
        """Take the end, or what has come in its place."""
        if error is None:
            self._over = True
        else:
            self._error = error
        self.wake()

    def wake(self) -> None:
        """Have whoever waits look at what is there."""
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._connection.owner.wake(waiter)
