"""Invokes a service over HTTP: one request for one batch of calls, the outcomes in the reply."""

from __future__ import annotations

import email.utils
import io
import os
import time
from typing import TYPE_CHECKING, Any, Self

from yarl import URL

from greenlithops.backends.compute.http.connections import explained, opened
from greenlithops.backends.compute.http.depot import Messages
from greenlithops.backends.compute.http.mailbox import GRACE_SECONDS, Mailbox
from greenlithops.errors import (
    ConfigurationError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)
from greenlithops.models import Limits, Reply, ServiceSize
from greenlithops.worker import invocation
from greenlithops.worker.invocation import LENGTH, STREAM, WHOLE
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    import aiohttp

    from greenlithops.protocols import Depot

    Headers = Callable[[], Awaitable[Mapping[str, str]]]
    Sign = Callable[[bytes], Awaitable[Mapping[str, str]]]
    Read = Callable[[Mapping[str, str], bytes], Reply]
    Meaning = Callable[[int, Mapping[str, Any], str], Exception]

LARGE = 256 << 10
# Nothing on the way shall compress what is authenticated as it is.
_HEADERS = {"Content-Type": WHOLE, "Accept-Encoding": "identity"}
_ASYNCHRONOUS = {"Prefer": "respond-async"}
_STREAMS = {"Accept": f"{STREAM}, {WHOLE}"}


class HttpBackend:
    """Runs calls in a service that answers HTTP requests.

    Args:
        endpoint: the service's URL.
        key: the key that it was deployed with, as text; by default that of the environment
            variable ``GREENLITHOPS_KEY``.
        concurrency: how many requests at a time at most.
        headers: a coroutine function that gives further headers for each request, such as an
            identity token; it keeps what may be used again.
        payload_bytes: what the service takes in one request; None: no limit.
        reply_bytes: what it returns in one reply; None: no limit. Results over it fail.
        patience: seconds for which the service may be away before calls fail.
        size: what the service reserves for an invocation; energy is estimated from it.
        meaning: says what a status other than 200 means; `refusal`, by default.
        worker_processes: how many calls of one invocation run at a time, each in a process of
            the service's instance.
        asynchronous: whether the service accepts invocations at once, and puts their replies into
            the executor's storage later; for calls that are longer than a connection may last.
        queue_seconds: how long an asynchronous invocation may wait for its turn.
        runtime_timeout: seconds that an invocation may take; a reply that has not come a minute
            later, or the next part of one, will not come.
        sign: gives the headers of a request with this body, its signature among them.
        read: returns the reply in an answer with status 200, from its headers and body, or raises
            what it means; the body is the reply, by default.
    """

    name = "http"

    def __init__(
        self,
        endpoint: str,
        key: str | None = None,
        *,
        concurrency: int = 1000,
        headers: Headers | None = None,
        payload_bytes: int | None = None,
        reply_bytes: int | None = None,
        patience: float = 30.0,
        size: ServiceSize | None = None,
        meaning: Meaning | None = None,
        worker_processes: int = 1,
        asynchronous: bool = False,
        queue_seconds: float = 3600.0,
        runtime_timeout: float = 3600.0,
        sign: Sign | None = None,
        read: Read | None = None,
    ) -> None:
        text = key or os.environ.get(KEY_VARIABLE, "")
        if not text:
            raise ConfigurationError(
                f"the service at {endpoint} has a key, which is needed here too: give key=…, or "
                f"set {KEY_VARIABLE}"
            )
        if URL(endpoint).scheme not in {"http", "https"} or not URL(endpoint).host:
            raise ConfigurationError(f"endpoint is a URL with http or https, not {endpoint!r}")
        if worker_processes < 1:
            raise ConfigurationError(f"worker_processes is 1 or more, not {worker_processes!r}")
        self.key = text.encode()
        self.limits = Limits(
            payload_bytes=payload_bytes,
            reply_bytes=reply_bytes,
            concurrency=concurrency,
            processes=worker_processes,
        )
        self.patience = patience
        self.size = size
        self._endpoint = endpoint
        self._headers = headers
        self._meaning = meaning or refusal
        self._sign = sign
        self._read = read or self._whole
        self._session: aiohttp.ClientSession | None = None
        self._asynchronous = asynchronous
        self._seconds = (queue_seconds, runtime_timeout)
        self._messages: Messages | None = None
        self._mailbox: Mailbox | None = None

    async def __aenter__(self) -> Self:
        if self._asynchronous:
            if self._messages is None:
                raise ConfigurationError(
                    "asynchronous invocations reply through storage: give the executor a storage "
                    "with a bucket that can sign URLs, such as S3"
                )
            queue, run = self._seconds
            self._mailbox = Mailbox(self._messages, self.key, queue_seconds=queue, run_seconds=run)
        self._session = opened(self._seconds[1] + GRACE_SECONDS, _HEADERS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        mailbox, self._mailbox = self._mailbox, None
        if mailbox is not None:
            await mailbox.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def use(self, depot: Depot) -> None:
        """Have replies of asynchronous invocations come through a storage, if it has a bucket."""
        if depot.bucket is not None:
            self._messages = Messages(depot, depot.bucket)

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self._mailbox is None:
            with explained(self._endpoint):
                async with await self._request(body) as response:
                    await self._check(response)
                    return self._read(response.headers, await response.read())

        async def post(url: str) -> bytes | None:
            asked = invocation.address(self.key, body, url)
            with explained(self._endpoint):
                async with await self._request(asked, _ASYNCHRONOUS) as response:
                    await self._check(response)
                    reply = await response.read()
                    return None if response.status == 202 else reply  # noqa: PLR2004 - accepted

        return Reply(await self._mailbox.reply(post))

    async def stream(self, body: bytes) -> AsyncGenerator[Reply]:
        """Give the messages of the reply to a message, as they come."""
        if self._mailbox is not None:
            yield await self.invoke(body)
            return
        with explained(self._endpoint):
            async with await self._request(body, _STREAMS) as response:
                await self._check(response)
                if response.content_type != STREAM:
                    yield self._read(response.headers, await response.read())
                    return
                while head := await response.content.read(LENGTH.size):
                    head += await response.content.readexactly(LENGTH.size - len(head))
                    (size,) = LENGTH.unpack(head)
                    yield Reply(await response.content.readexactly(size))

    async def _request(
        self, body: bytes, more: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[aiohttp.ClientResponse]:
        """Return a request that carries a message, to be sent."""
        session = self._session
        if session is None:
            raise ServiceUnavailable("the backend is not open")
        limit = self.limits.payload_bytes
        if limit is not None and len(body) > limit:
            raise PayloadTooLarge(
                f"the arguments take {len(body)} bytes, and the service takes {limit}: put them "
                "into storage, and pass a CloudObject"
            )
        headers = more if self._headers is None else {**await self._headers(), **(more or {})}
        if self._sign is not None:
            headers = {**(headers or {}), **await self._sign(body)}
        # What is large is written in pieces, so that the event loop is not held for long.
        data = body if len(body) < LARGE else io.BytesIO(body)
        # Elsewhere, nobody was given these calls; and a redirected POST would become a GET.
        return session.post(self._endpoint, data=data, headers=headers, allow_redirects=False)

    async def _check(self, response: aiohttp.ClientResponse) -> None:
        """Raise what another status means than one that says that it has gone well."""
        if response.status not in {200, 202}:
            text = (await response.content.read(2000)).decode("utf-8", "replace").strip()
            if (place := response.headers.get("Location")) and 300 <= response.status < 400:  # noqa: PLR2004 - redirections
                text = f"the service is at {place}: give that as its endpoint"
            raise self._meaning(response.status, response.headers, f"{self._endpoint}: {text}")

    def _whole(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return a body that is the reply; what is meant for people comes from somebody else."""
        if headers.get("Content-Type", "").startswith("text/"):
            raise ServiceRefused(
                f"{self._endpoint} is no worker of greenlithops: it answered {body[:200]!r}"
            )
        return Reply(body)

    def __repr__(self) -> str:
        return f"<HttpBackend {self._endpoint}>"


def refusal(status: int, headers: Mapping[str, Any], text: str) -> Exception:
    """Return what an HTTP status other than 200 means for the calls of a request."""
    text = f"HTTP {status} from {text}"
    if status == 429:  # noqa: PLR2004 - too many requests
        return Throttled(text, retry_after=seconds_to_wait(headers.get("Retry-After")))
    if status == 503:  # noqa: PLR2004 - service unavailable
        return ServiceUnavailable(text, retry_after=seconds_to_wait(headers.get("Retry-After")))
    if status == 413:  # noqa: PLR2004 - content too large
        return PayloadTooLarge(text)
    if status >= 500:  # noqa: PLR2004 - what was to run them failed, at any moment
        return WorkerLost(text)
    return ServiceRefused(text)


def seconds_to_wait(value: str | None) -> float | None:
    """Return what ``Retry-After`` asks for: seconds, or a moment; None if nothing sensible."""
    if not value:
        return None
    if value.isdigit():
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())
