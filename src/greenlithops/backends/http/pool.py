"""Connections to one server, as many as there are requests at a time."""

from __future__ import annotations

import asyncio
import collections
import functools
from typing import TYPE_CHECKING

from greenlithops.backends.http.answer import Answer, BrokenConnection
from greenlithops.backends.http.connection import Connection
from greenlithops.backends.http.dialer import Dialer
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from yarl import URL

    from greenlithops.objects import Buffer

AT_A_TIME = 2  #: answers that are handed out at one go, before the loop goes on
LOOK_SECONDS = (0.02, 2.0)  #: between two looks at connections, at least and at most
SCRATCH = 128 << 10  #: bytes that are received at one go before they are looked at


class Silence(BrokenConnection):
    """Nothing came for too long."""


class Pool:
    """Connections to the server of a URL.

    Args:
        url: whose path is of no matter.
        silence: seconds without a byte after which an answer is not waited for any longer.
        connect: seconds for a connection to be there, by a proxy and with TLS.
        kept: seconds that a connection may rest: the server shall not be about to close it.
        verify: whether the server's certificate is looked at.

    Attributes:
        scratch: where all connections receive what is looked at before the next one does.

    Raises:
        ConfigurationError: the environment names a proxy of a kind that is not supported.
    """

    def __init__(
        self, url: URL, *, silence: float, connect: float, kept: float, verify: bool = True
    ) -> None:
        self._dialer = Dialer(url, verify=verify)
        # Over TLS a proxy is asked once, for a connection through it.
        self._passes_on = self._dialer.proxy if url.scheme == "http" else None
        self._silence = silence
        self._connect_seconds = connect
        self._kept = kept
        self.scratch = memoryview(bytearray(SCRATCH))
        self._loop = asyncio.get_running_loop()
        self._all: set[Connection] = set()
        self._resting: collections.deque[Connection] = collections.deque()
        self._awake: collections.deque[asyncio.Future[None]] = collections.deque()
        self._waking = self._closed = False
        self._looking: asyncio.TimerHandle | None = None
        self._empty: asyncio.Future[None] | None = None

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""
        return sum(one.answer is not None for one in self._all)

    def target(self, url: URL) -> str:
        """Return what a request for a URL of this server names after its method."""
        if self._passes_on is None:
            return url.raw_path_qs or "/"
        return str(url.with_user(None).with_fragment(None))

    @property
    def proof(self) -> Mapping[str, str]:
        """The headers that a proxy wants of each request that it passes on."""
        if self._passes_on is None or self._passes_on.authorization is None:
            return {}
        return {"Proxy-Authorization": self._passes_on.authorization}

    async def send(
        self, head: bytes, body: Buffer, *, bodiless: bool = False, fresh: bool = False
    ) -> Answer:
        """Return the answer to a request, which the caller waits for, reads and releases.

        Args:
            head: the request's line and headers.
            body: what follows them.
            bodiless: whether the answer ends with its headers.
            fresh: whether it goes over a new connection.

        Raises:
            BrokenConnection: the connection ended, or all are closed.
            OSError: there is no connection; `TimeoutError`, not in time.
            ServiceRefused: the proxy does not let through.
        """
        connection = (None if fresh else self._rested()) or await self._connected()
        return await connection.send(head, body, bodiless=bodiless)

    def _rested(self) -> Connection | None:
        oldest = self._loop.time() - self._kept
        while self._resting:
            one = self._resting.pop()
            if one.usable and one.heard > oldest:
                return one
            one.abort()
        return None

    async def _connected(self) -> Connection:
        if self._closed:
            raise BrokenConnection("the connections are closed", begun=False)
        try:
            async with asyncio.timeout(self._connect_seconds):
                connection = await self._dialer.connect(functools.partial(Connection, self))
        except OSError:  # which it is, too, that time is over
            self._dialer.forget()
            raise
        if self._closed or not connection.usable:
            connection.abort()
            raise ConnectionResetError("the connection was closed at once")
        self._all.add(connection)
        if self._looking is None:
            self._look_later()
        return connection

    async def close(self) -> None:
        """Close the connections; who waits for an answer is told so."""
        self._closed = True
        if self._looking is not None:
            self._looking.cancel()
        for one in list(self._all):
            one.abort(BrokenConnection("it was closed on this side", begun=True))
        if self._all:
            self._empty = self._loop.create_future()
            await self._empty

    # Looking after connections.

    def _look_later(self) -> None:
        least, most = LOOK_SECONDS
        pause = max(least, min(most, self._silence / 10))
        self._looking = self._loop.call_later(pause, self._look)

    def _look(self) -> None:
        """End what is silent, or has rested for too long."""
        now = self._loop.time()
        for one in list(self._all):
            if one.answer is None:
                if now - one.heard > self._kept:
                    one.abort()
            elif (since := one.silent_since) is not None and now - since > self._silence:
                one.abort(Silence(f"nothing came for {self._silence:g} s", begun=True))
        self._looking = None
        while self._resting and not self._resting[0].usable:
            self._resting.popleft()
        if self._all:
            self._look_later()

    # What connections tell.

    def wake(self, waiter: asyncio.Future[None]) -> None:
        """Go on with what waits for an answer: a few at a time, so that the loop is not held."""
        self._awake.append(waiter)
        if not self._waking:
            self._waking = True
            self._loop.call_soon(self._wake)

    def _wake(self) -> None:
        for _ in range(min(AT_A_TIME, len(self._awake))):
            waiter = self._awake.popleft()
            if not waiter.done():
                waiter.set_result(None)
        self._waking = bool(self._awake)
        if self._waking:
            self._loop.call_soon(self._wake)

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next request."""
        if self._closed:
            connection.abort()
        else:
            self._resting.append(connection)

    def gone(self, connection: Connection) -> None:
        """Forget a connection."""
        self._all.discard(connection)
        if not self._all and self._empty is not None and not self._empty.done():
            self._empty.set_result(None)


def lines(headers: Mapping[str, str]) -> str:
    """Return headers as they are sent.

    Raises:
        ConfigurationError: one of them would become two.
    """
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not text.count("\n") == text.count("\r") == len(headers):
        raise ConfigurationError(f"a header has a line break in it: one of {', '.join(headers)}")
    return text
