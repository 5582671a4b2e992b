"""Asks a provider's control plane over REST: JSON both ways, and again where that may help."""

from __future__ import annotations

import asyncio
import io
import json
import random
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlencode

import aiohttp

from greenlithops.backends.compute.http.refusals import seconds_to_wait
from greenlithops.backends.http.proxies import proxy_url
from greenlithops.errors import ServiceError, ServiceRefused, ServiceUnavailable
from greenlithops.offload import LARGE

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    #: gives the headers that prove who asks, for a method, a URL and a body
    Authorize = Callable[[str, str, bytes], Awaitable[Mapping[str, str]]]

T = TypeVar("T")

OK, NOT_FOUND, CONFLICT, TOO_MANY, ERROR = 200, 404, 409, 429, 500
LATER = frozenset({TOO_MANY, 502, 503, 504})
REQUEST_SECONDS = 120.0
LONGEST_PAUSE = 10.0
_JSON = {"Content-Type": "application/json"}


class Rest:
    """A control plane that is asked.

    Args:
        service: its name in errors.
        authorize: gives the headers that prove who asks.
        patience: seconds for which a request is made again while the service is away, or throttles.
        verify: whether certificates are checked.
    """

    def __init__(
        self, service: str, authorize: Authorize, *, patience: float = 60.0, verify: bool = True
    ) -> None:
        self.service = service
        self._authorize = authorize
        self._patience = patience
        self._verify = verify
        self.session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make room for connections."""
        self.session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300, ssl=self._verify),
            timeout=aiohttp.ClientTimeout(total=REQUEST_SECONDS),
        )

    async def close(self) -> None:
        """Close the connections."""
        session, self.session = self.session, None
        if session is not None:
            await session.close()

    async def ask(
        self,
        method: str,
        url: str,
        content: object = None,
        query: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """Return what is answered.

        Args:
            method: HTTP's.
            url: where to.
            content: what is sent, as JSON; bytes are sent as they are.
            query: parameters.
            headers: further ones; a ``Content-Type`` among them says which kind of JSON it is.

        Raises:
            ServiceRefused: it does not do that; the text says why.
            ServiceUnavailable: it does not answer, or says that it cannot now.
        """
        found = await self._sent(method, url, content, query, headers, fine=None)
        return found or {}

    async def find(self, url: str, query: Mapping[str, str] | None = None) -> dict[str, Any] | None:
        """Return a resource, or None if there is none."""
        return await self._sent("GET", url, None, query, fine=NOT_FOUND)

    async def create(
        self,
        url: str,
        content: object,
        query: Mapping[str, str] | None = None,
        *,
        method: str = "POST",
    ) -> dict[str, Any] | None:
        """Make a resource; None if somebody else has made it meanwhile."""
        return await self._sent(method, url, content, query, fine=CONFLICT)

    async def delete(
        self, url: str, query: Mapping[str, str] | None = None
    ) -> dict[str, Any] | None:
        """Delete a resource; None if there was none."""
        return await self._sent("DELETE", url, None, query, fine=NOT_FOUND)

    async def put(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Upload bytes to a URL that needs no other proof than itself and these headers."""
        status, _, text = await self._request("PUT", url, body, headers)
        if status >= 300:  # noqa: PLR2004 - success is 200, 201 or 204
            raise self._refused("PUT", url, status, text)

    async def _sent(
        self,
        method: str,
        url: str,
        content: object,
        query: Mapping[str, str] | None,
        headers: Mapping[str, str] | None = None,
        *,
        fine: int | None,
    ) -> dict[str, Any] | None:
        whole = f"{url}?{urlencode(query)}" if query else url
        if isinstance(content, bytes):
            body = content
        else:
            body = b"" if content is None else json.dumps(content).encode()
        own = {**(_JSON if body else {}), **(headers or {})}
        status, said, text = await self._request(method, whole, body, own, signed=True)
        if status == fine:
            return None
        if status in LATER or (status >= ERROR and method == "GET"):
            raise ServiceUnavailable(
                f"{self.service} could not {method} {_short(url)}: {status}: {reason(text)}",
                retry_after=seconds_to_wait(said.get("Retry-After")),
            )
        if status >= 300:  # noqa: PLR2004 - as above
            raise self._refused(method, url, status, text)
        found = json.loads(text) if text.strip() else {}
        # Where a list has no room for it, the next page is named in a header.
        return found if isinstance(found, dict) else {"value": found, "headers": said}

    async def _request(
        self,
        method: str,
        url: str,
        body: bytes,
        headers: Mapping[str, str],
        *,
        signed: bool = False,
    ) -> tuple[int, Mapping[str, str], str]:
        """Return status, headers and text; ask again where nothing can have been done."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + self._patience, 0.25
        while True:
            wait = None
            try:
                found = await self._once(method, url, body, headers, signed=signed)
            except ServiceError:  # of who was asked for credentials
                raise
            except aiohttp.ClientConnectorError as error:
                problem = ServiceUnavailable(f"{self.service} is not reached: {error}")
                if loop.time() > deadline:
                    raise problem from error
            except (aiohttp.ClientError, TimeoutError, ConnectionError) as error:
                problem = ServiceUnavailable(
                    f"{self.service} did not answer {method} {_short(url)}: {error!r}"
                )
                if method not in {"GET", "PUT", "DELETE"} or loop.time() > deadline:
                    raise problem from error
            else:
                wait = seconds_to_wait(found[1].get("Retry-After"))
                if found[0] not in LATER or loop.time() + (wait or 0.0) > deadline:
                    return found
            await asyncio.sleep(pause * (0.5 + random.random() / 2) if wait is None else wait)  # noqa: S311 - jitter
            pause = min(LONGEST_PAUSE, pause * 2)

    async def _once(
        self, method: str, url: str, body: bytes, headers: Mapping[str, str], *, signed: bool
    ) -> tuple[int, Mapping[str, str], str]:
        if self.session is None:
            raise ServiceUnavailable("the backend is not open")
        proof = await self._authorize(method, url, body) if signed else {}
        # What is large is written in pieces, so that the event loop is not held for long.
        data: Any = body if len(body) < LARGE else io.BytesIO(body)
        own = {**headers, **proof}
        async with self.session.request(
            method, url, data=data or None, headers=own, proxy=proxy_url(url)
        ) as response:
            return response.status, response.headers, await response.text(errors="replace")

    def _refused(self, method: str, url: str, status: int, text: str) -> ServiceRefused:
        return ServiceRefused(
            f"{self.service} refused to {method} {_short(url)}: {status}: {reason(text)}"
        )


def reason(text: str) -> str:
    """Return why a request was refused, from the JSON in which providers say it."""
    try:
        content: Any = json.loads(text)
    except ValueError:
        return text.strip()[:1000]
    for name in ("error", "errors", "Error"):
        if isinstance(content, dict) and content.get(name):
            content = content[name]
    if isinstance(content, list) and content:
        content = content[0]
    if isinstance(content, dict):
        parts = [content.get(name) for name in ("status", "code", "Code", "message", "Message")]
        return ": ".join(str(part) for part in parts if part)[:2000] or text[:1000]
    return str(content)[:1000]


def _short(url: str) -> str:
    """Return a URL without its query, which may have a signature in it."""
    return url.partition("?")[0]


async def becomes(
    look: Callable[[], Awaitable[T | None]], what: str, seconds: float, *, first: float = 0.5
) -> T:
    """Return what `look` finds, as soon as it does not find None any more.

    Args:
        look: looks once; raises if there will never be anything.
        what: what is waited for, in errors.
        seconds: for how long.
        first: seconds until the second look; later ones come less often.

    Raises:
        ServiceUnavailable: the time is over.
    """
    loop = asyncio.get_running_loop()
    deadline, pause = loop.time() + seconds, first
    while True:
        found = await look()
        if found is not None:
            return found
        if loop.time() > deadline:
            raise ServiceUnavailable(f"{what} was not ready in {seconds:g} s")
        await asyncio.sleep(pause)
        pause = min(LONGEST_PAUSE, pause * 1.5)
