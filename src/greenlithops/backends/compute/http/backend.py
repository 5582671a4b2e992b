"""Invokes a service over HTTP: one request for one batch of calls, the outcomes in the reply."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Self

from yarl import URL

from greenlithops.backends.compute.http.client import Answered, Client
from greenlithops.backends.compute.http.deferred import Deferred, Defers
from greenlithops.backends.compute.http.mailbox import GRACE_SECONDS, Mailbox
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.errors import (
    ConfigurationError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
)
from greenlithops.models import Limits, Reply, ServiceSize
from greenlithops.worker import invocation
from greenlithops.worker.invocation import LENGTH, STREAM, WHOLE
from greenlithops.worker.service import KEY_VARIABLE

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
    from types import TracebackType

    Headers = Callable[[], Awaitable[Mapping[str, str]]]
    Sign = Callable[[bytes], Awaitable[Mapping[str, str]]]
    Read = Callable[[Mapping[str, str], bytes], Reply]
    Meaning = Callable[[int, Mapping[str, Any], str], Exception]

ACCEPTED = 202
# Nothing on the way shall compress what is authenticated as it is.
_HEADERS = {"Content-Type": WHOLE, "Accept-Encoding": "identity"}
_ASYNCHRONOUS = {"Prefer": "respond-async"}
_STREAMS = {"Accept": f"{STREAM}, {WHOLE}"}


class HttpBackend(Defers):
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
        self._client: Client | None = None
        self._asynchronous = asynchronous
        self._seconds = (queue_seconds, runtime_timeout)
        self._deferred = Deferred(self.name)

    async def __aenter__(self) -> Self:
        queue, run = self._seconds
        if self._asynchronous:
            self._deferred.open(self.key, queue_seconds=queue, run_seconds=run)
        self._client = Client(self._endpoint, run + GRACE_SECONDS, _HEADERS)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._deferred.close()
        client, self._client = self._client, None
        if client is not None:
            await client.close()

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self._deferred.mailbox is not None:
            return await self._invoke_later(body, self._deferred.mailbox)
        answer = await self._ask(body)
        return self._read(answer.headers, answer.body)

    async def _invoke_later(self, body: bytes, mailbox: Mailbox) -> Reply:
        """Return the reply to a message that comes through storage."""

        async def post(url: str) -> bytes | None:
            answer = await self._ask(invocation.address(self.key, body, url), _ASYNCHRONOUS)
            return None if answer.status == ACCEPTED else answer.body

        return Reply(await mailbox.reply(post))

    async def stream(self, body: bytes) -> AsyncGenerator[Reply]:
        """Give the messages of the reply to a message, as they come."""
        if self._deferred.mailbox is not None:
            yield await self.invoke(body)
            return
        client = self._opened(body)
        async with client.answer(body, await self._proof(body, _STREAMS)) as answer:
            self._check_coding(answer.headers)
            if not answer.headers.get("Content-Type", "").startswith(STREAM):
                whole = Answered(answer.status, answer.headers, await answer.read())
                self._check(whole)
                yield self._read(whole.headers, whole.body)
                return
            while head := await answer.exactly(LENGTH.size):
                (size,) = LENGTH.unpack(head)
                yield Reply(await answer.exactly(size))

    async def _ask(self, body: bytes, more: Mapping[str, str] | None = None) -> Answered:
        """Return the answer to a request that carries a message, which is one of success."""
        answer = await self._opened(body).ask(body, await self._proof(body, more))
        self._check(answer)
        return answer

    def _opened(self, body: bytes) -> Client:
        """Return what sends a message, if that is not too large."""
        if self._client is None:
            raise ServiceUnavailable("the backend is not open")
        limit = self.limits.payload_bytes
        if limit is not None and len(body) > limit:
            raise PayloadTooLarge(
                f"the arguments take {len(body)} bytes, and the service takes {limit}: put them "
                "into storage, and pass a CloudObject"
            )
        return self._client

    async def _proof(self, body: bytes, more: Mapping[str, str] | None) -> Mapping[str, str] | None:
        """Return the headers of a request: those that prove who asks, and more."""
        headers = more
        if self._headers is not None:
            headers = {**await self._headers(), **(headers or {})}
        if self._sign is not None:
            headers = {**(headers or {}), **await self._sign(body)}
        return headers

    def _check(self, answer: Answered) -> None:
        """Raise what another status means than one that says that it has gone well."""
        if answer.status in {200, ACCEPTED}:
            self._check_coding(answer.headers)
            return
        text = answer.text()
        if (place := answer.headers.get("Location")) and 300 <= answer.status < 400:  # noqa: PLR2004 - redirections
            text = f"the service is at {place}: give that as its endpoint"
        raise self._meaning(answer.status, answer.headers, f"{self._endpoint}: {text}")

    def _check_coding(self, headers: Mapping[str, str]) -> None:
        """Raise what it means that something on the way has changed what is authenticated."""
        coding = headers.get("Content-Encoding", "identity")
        if coding.lower() != "identity":
            raise ServiceRefused(
                f"{self._endpoint} answers with Content-Encoding: {coding}, though it was asked "
                "not to: switch compression off in the service, or in what stands before it"
            )

    def _whole(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return a body that is the reply; what is meant for people comes from somebody else."""
        if headers.get("Content-Type", "").startswith("text/"):
            raise ServiceRefused(
                f"{self._endpoint} is no worker of greenlithops: it answered {body[:200]!r}"
            )
        return Reply(body)

    def __repr__(self) -> str:
        return f"<HttpBackend {self._endpoint}>"
