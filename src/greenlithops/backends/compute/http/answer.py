"""What comes over a connection for one request: whole, or in parts as it comes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.compute.http.connection import Connection

READ_AHEAD = 1 << 20  #: bytes of an answer that may wait for whoever reads it in parts


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
    """

    __slots__ = (
        "_body",
        "_connection",
        "_error",
        "_over",
        "_waiter",
        "_wanted",
        "headers",
        "status",
    )

    def __init__(self, connection: Connection) -> None:
        self.status = 0
        self.headers: Mapping[str, str] = {}
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

    async def begin(self) -> None:
        """Wait for status and headers. Raises `BrokenConnection` if they do not come."""
        while not self.status:
            await self._news(0)

    async def read(self) -> bytes:
        """Return what is left of the body. Raises `BrokenConnection` if it is cut."""
        while not self._over:
            await self._news(-1)
        body, self._body = bytes(self._body), bytearray()
        return body

    async def exactly(self, size: int) -> bytes:
        """Return the next bytes of the body; none at its end.

        Raises:
            BrokenConnection: there are some, but not so many.
        """
        while len(self._body) < size and not self._over:
            await self._news(size)
        if self._body and len(self._body) < size:
            raise BrokenConnection("the answer is cut", begun=True)
        part = bytes(self._body[:size])
        del self._body[:size]
        return part

    def _news(self, wanted: int) -> asyncio.Future[None]:
        """Return what is done when so many bytes are there, 0 for the headers, -1 for the end."""
        if self._error is not None:
            raise self._error
        self._wanted = wanted
        self._connection.resume()
        waiter = self._waiter = asyncio.get_running_loop().create_future()
        return waiter

    # What the connection tells.

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """Take status and headers."""
        self.status, self.headers = status, headers
        if self._wanted == 0:
            self._wake()

    def came(self, data: bytes) -> bool:
        """Take a part of the body; return whether more of it may come."""
        self._body += data
        enough = 0 <= self._wanted <= len(self._body)
        if enough:
            self._wake()
        return not enough or len(self._body) < READ_AHEAD

    def ended(self, error: BrokenConnection | None = None) -> None:
        """Take the end, or what has come in its place."""
        if error is None:
            self._over = True
        else:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            self._connection.owner.wake(waiter)
