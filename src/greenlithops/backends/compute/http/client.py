"""Requests to one URL, over as many connections as there are requests at a time."""

from __future__ import annotations

import base64
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple

from multidict import CIMultiDict
from yarl import URL

from greenlithops.backends.http.answer import Answer, BrokenConnection
from greenlithops.backends.http.pool import Pool, Silence, lines
from greenlithops.errors import (
    ServiceError,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

CONNECT_SECONDS = 10.0  #: until a connection is there, by a proxy and with TLS
KEPT_SECONDS = 4.0  #: that a connection may rest: uvicorn, for one, closes it after 5


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
        self._pool = Pool(
            parsed, silence=silence, connect=CONNECT_SECONDS, kept=KEPT_SECONDS, verify=verify
        )
        fixed = {"Host": parsed.host_port_subcomponent or "", "User-Agent": "greenlithops"}
        if parsed.user is not None:
            login = f"{parsed.user}:{parsed.password or ''}".encode()
            fixed["Authorization"] = "Basic " + base64.b64encode(login).decode()
        self._fixed = CIMultiDict({**fixed, **self._pool.proof, **headers})
        self._request = f"POST {self._pool.target(parsed)} HTTP/1.1\r\n"
        self._start = self._request + lines(self._fixed)  #: of most requests

    @property
    def waiting(self) -> int:
        """How many requests have no answer yet."""
        return self._pool.waiting

    async def ask(self, body: bytes, headers: Mapping[str, str] | None = None) -> Answered:
        """Return the whole answer to a request.

        Raises:
            ServiceUnavailable: nothing was begun.
            ServiceRefused: the service cannot be trusted.
            WorkerLost: the request may have been begun, and there is no answer.
        """
        answer = await self._sent(body, headers)
        try:
            content = await answer.read()
        except BrokenConnection as error:
            raise self._explained(error) from error
        finally:
            answer.release()
        return Answered(answer.status, answer.headers, content)

    @asynccontextmanager
    async def answer(
        self, body: bytes, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Answer]:
        """Give the answer to a request when it begins, to be read in parts; raises as `ask`."""
        answer = await self._sent(body, headers)
        try:
            await answer.begin()
            yield answer
        except BrokenConnection as error:
            raise self._explained(error) from error
        finally:
            answer.release()

    async def close(self) -> None:
        """Close the connections; who waits for an answer is told so."""
        await self._pool.close()

    async def _sent(self, body: bytes, headers: Mapping[str, str] | None) -> Answer:
        start = self._start
        if headers:
            merged = self._fixed.copy()
            merged.update(headers)
            merged.pop("Content-Length", None)
            start = self._request + lines(merged)
        head = f"{start}Content-Length: {len(body)}\r\n\r\n".encode()
        try:
            return await self._pool.send(head, body)
        except BrokenConnection as error:
            raise self._explained(error) from error
        except ssl.SSLCertVerificationError as error:
            raise ServiceRefused(f"{self._place} has no certificate to trust: {error}") from error
        except TimeoutError as error:
            raise ServiceUnavailable(
                f"{self._place} is not reached: no connection in {CONNECT_SECONDS:g} s"
            ) from error
        except ServiceError:  # which some are, of the system's errors
            raise
        except OSError as error:
            raise ServiceUnavailable(f"{self._place} is not reached: {error}") from error

    def _explained(self, error: BrokenConnection) -> ServiceUnavailable | WorkerLost:
        if not error.begun:
            return ServiceUnavailable(f"{self._place} closed a connection: {error}")
        if isinstance(error, Silence):
            return WorkerLost(
                f"{self._place} has not replied in time: its instance may have died; if calls take "
                "that long, give more runtime_timeout, or asynchronous=True where the service has "
                "it"
            )
        return WorkerLost(f"the connection to {self._place} broke while calls ran: {error}")
