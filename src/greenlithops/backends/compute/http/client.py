"""Requests to one URL, over as many connections as there are requests at a time."""

from __future__ import annotations

import asyncio
import base64
import collections
import functools
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from multidict import CIMultiDict
from yarl import URL

from greenlithops.backends.compute.http.answer import Answer, BrokenConnection
from greenlithops.backends.compute.http.connection import Connection
from greenlithops.backends.compute.http.dialer import Dialer
from greenlithops.errors import (
    ConfigurationError,
    ServiceError,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

CONNECT_SECONDS = 10.0  #: until a connection is there, by a proxy and with TLS
KEPT_SECONDS = 4.0  #: that a connection may rest: uvicorn, for one, closes it after 5
AT_A_TIME = 2  #: answers that are handed out at one go, before the loop goes on
LOOK_SECONDS = (0.02, 2.0)  #: between two looks at connections, at least and at most


class Answered(NamedTuple):
    """A whole answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def text(self) -> str:
        """Return the beginning of the body."""
        return self.body[:2000].decode("utf-8", "replace").strip()


class Client:
    """Sends requests to one URL.

    Args:
        url: where to.
        silence: seconds without a byte after which an answer is not waited for any longer.
        headers: those of every request.
        place: what errors call the service; the URL, by default.
        verify: whether its certificate is looked at.
    """

    def __init__(
        self,
        url: str,
        silence: float,
        headers: Mapping[str, str],
        *,
        place: str | None = None,
        verify: bool = True,
    ) -> None:
        parsed = URL(url)
        self._place = place or url
        self._silence = silence
        self._dialer = Dialer(parsed, verify=verify)
        target = parsed.raw_path_qs or "/"
        fixed = {"Host": parsed.host_port_subcomponent or "", "User-Agent": "greenlithops"}
        if parsed.user is not None:
            login = f"{parsed.user}:{parsed.password or ''}".encode()
            fixed["Authorization"] = "Basic " + base64.b64encode(login).decode()
        proxy = self._dialer.proxy
        if proxy is not None and parsed.scheme == "http":  # which passes each request on
            target = str(parsed.with_user(None).with_fragment(None))
            if proxy.authorization is not None:
                fixed["Proxy-Authorization"] = proxy.authorization
        self._fixed = CIMultiDict({**fixed, **headers})
        self._request = f"POST {target} HTTP/1.1\r\n"
        self._start = self._request + _lines(self._fixed)  #: of most requests
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

    async def ask(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answered:
        """Return the whole answer to a request.

        Raises:
            ServiceUnavailable: nothing was begun.
            ServiceRefused: the service cannot be trusted.
            WorkerLost: the request may have been begun, and there is no answer.
        """
        connection, answer = await self._sent(body, headers)
        try:
            content = await answer.read()
        except BrokenConnection as error:
            raise self._explained(error) from error
        finally:
            if not answer.over:
                connection.leave()
        return Answered(answer.status, answer.headers, content)

    @asynccontextmanager
    async def answer(
        self, body: bytes, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """Give the answer to a request when it begins, to be read in parts; raises as `ask`."""
        connection, answer = await self._sent(body, headers)
        try:
            await answer.begin()
            yield answer
        except BrokenConnection as error:
            raise self._explained(error) from error
        finally:
            if not answer.over:
                connection.leave()

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

    # One request.

    async def _sent(
        self, body: bytes, headers: Mapping[str, str] | None
    ) -> tuple[Connection, Answer]:
        start = self._start
        if headers:
            merged = self._fixed.copy()
            merged.update(headers)
            merged.pop("Content-Length", None)
            start = self._request + _lines(merged)
        head = f"{start}Content-Length: {len(body)}\r\n\r\n".encode("latin-1")
        connection = self._rested() or await self._connected()
        try:
            return connection, await connection.send(head, body)
        except BrokenConnection as error:
            raise self._explained(error) from error

    def _rested(self) -> Connection | None:
        oldest = self._loop.time() - KEPT_SECONDS
        while self._resting:
            one = self._resting.pop()
            if one.usable and one.heard > oldest:
                return one
            one.abort()
        return None

    async def _connected(self) -> Connection:
        if self._closed:
            raise ServiceUnavailable(f"the connections to {self._place} are closed")
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                return await self._connect()
        except ssl.SSLCertVerificationError as error:
            raise ServiceRefused(f"{self._place} has no certificate to trust: {error}") from error
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"{self._place} is not reached: no connection in {CONNECT_SECONDS:g} s"
            ) from error
        except ServiceError:  # which some are, of the system's errors
            raise
        except OSError as error:
            self._dialer.forget()
            raise ServiceUnavailable(f"{self._place} is not reached: {error}") from error

    async def _connect(self) -> Connection:
        connection = await self._dialer.connect(functools.partial(Connection, self))
        if self._closed or not connection.usable:
            connection.abort()
            raise ConnectionResetError("the connection was closed at once")
        self._all.add(connection)
        if self._looking is None:
            self._look_later()
        return connection

    def _explained(self, error: BrokenConnection) -> ServiceUnavailable | WorkerLost:
        if not error.begun:
            return ServiceUnavailable(f"{self._place} closed a connection: {error}")
        if isinstance(error, _Silence):
            return WorkerLost(
                f"{self._place} has not replied in time: its instance may have died; if calls take "
                "that long, give more runtime_timeout, or asynchronous=True where the service has "
                "it"
            )
        return WorkerLost(f"the connection to {self._place} broke while calls ran: {error}")

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
                if now - one.heard > KEPT_SECONDS:
                    one.abort()
            elif (since := one.silent_since) is not None and now - since > self._silence:
                one.abort(_Silence("", begun=True))
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


class _Silence(BrokenConnection):
    """Nothing came for too long."""


def _lines(headers: Mapping[str, str]) -> str:
    """Return headers as they are sent."""
    text = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if not text.count("\n") == text.count("\r") == len(headers):
        raise ConfigurationError(f"a header has a line break in it: one of {', '.join(headers)}")
    return text
