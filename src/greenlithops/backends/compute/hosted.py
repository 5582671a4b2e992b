"""Runs calls in a service that is deployed when its backend is opened, and answers over HTTP."""

from __future__ import annotations

import asyncio
import pickle
import sys
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, Self, TypeVar, runtime_checkable

from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.services import PYTHON
from greenlithops.errors import CallTimeout, IncompatibleRuntime, ServiceRefused, ServiceUnavailable
from greenlithops.worker import invocation
from greenlithops.worker.lambda_handler import description

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
    from types import TracebackType

    from greenlithops.models import Limits, Reply, ServiceSize

T = TypeVar("T")

GRACE_SECONDS = 60.0  #: for the start of an instance, beyond what an invocation may take
PACKAGE_VARIABLE = "GREENLITHOPS_PACKAGE"
_DESCRIBE = b"describe"  #: stands for the digest of the function that describes a runtime
_OPTIONS = {
    "directory": "",
    "path": [],
    "environment": {},
    "is_async": False,
    "timeout": None,
    "live": False,
}


@dataclass(frozen=True, slots=True)
class Service:
    """A service that is there.

    Attributes:
        name: the service's.
        url: where it takes invocations; None while it is not ready.
        python: the minor version of Python that it runs, such as ``3.12``; None if not known.
        memory_mb: its memory, in megabytes of 1,048,576 bytes; None if not known.
        timeout_seconds: what an invocation may take; None if not known.
        package: the digest of its code, or its image; None if it is none of ours.
        modified: when it was changed last, as the provider tells it.
        key: what messages to it are authenticated with; None if it is none of ours.
    """

    name: str
    url: str | None
    python: str | None = None
    memory_mb: float | None = None
    timeout_seconds: float | None = None
    package: str | None = None
    modified: str = ""
    key: str | None = field(repr=False, default=None)


class Deployer(Protocol):
    """Knows one provider's control plane."""

    async def open(self) -> None:
        """Find the credentials."""
        ...

    async def close(self) -> None:
        """Close the connections; it may not have been opened."""
        ...

    async def ensure(self) -> Service:
        """Return the service that is wanted, made or brought up to date if need be.

        Raises:
            ConfigurationError: another service has its name, or its code cannot be made.
            ServiceRefused: the provider does not take it.
            ServiceUnavailable: it does not become ready.
        """
        ...

    async def headers(self) -> Mapping[str, str]:
        """Return what an invocation is sent with, to be let in; kept as long as it is good."""
        ...

    def meaning(self, status: int, headers: Mapping[str, Any], text: str) -> Exception:
        """Return what an HTTP status other than 200 means for the calls of an invocation."""
        ...

    def services(self) -> AsyncIterator[Service]:
        """Give all services of greenlithops where this one would be."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a service; a missing one is fine."""
        ...

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a service has logged in the last seconds, oldest first."""
        ...


@runtime_checkable
class SupportsSignatures(Protocol):
    """A deployer whose service takes signed requests, and has a form of its own for replies."""

    async def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of an invocation, its signature among them."""
        ...

    def read(self, headers: Mapping[str, str], body: bytes) -> Reply:
        """Return the reply in an answer with status 200, or raise what it means."""
        ...


class HostedBackend:
    """Runs calls in a service, which is deployed when this is opened.

    Args:
        name: the backend's.
        deployer: knows the provider.
        limits: what the service takes; its seconds are those of an invocation.
        size: what it reserves for an invocation; None if that is not known.
        patience: seconds for which the service may be away before calls fail.
    """

    def __init__(
        self,
        name: str,
        deployer: Deployer,
        *,
        limits: Limits,
        size: ServiceSize | None = None,
        patience: float = 60.0,
    ) -> None:
        self.name = name
        self.deployer = deployer
        self.limits = limits
        self.size = size
        self.patience = patience
        self.key = b""
        self.service: Service | None = None  #: what is invoked, while this is open
        self._http: HttpBackend | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.deployer.close)
            await self.deployer.open()
            found = self.service = await self.deployer.ensure()
            if found.python not in {None, PYTHON}:
                raise IncompatibleRuntime(
                    f"the service {found.name} runs Python {found.python}, this program {PYTHON}: "
                    "pickled functions need the same one"
                )
            if found.url is None:
                raise ServiceRefused(f"the service {found.name} has no URL")
            signs = self.deployer if isinstance(self.deployer, SupportsSignatures) else None
            http = HttpBackend(
                found.url,
                found.key,
                concurrency=self.limits.concurrency or 1000,
                headers=self.deployer.headers,
                payload_bytes=self.limits.payload_bytes,
                patience=self.patience,
                size=self.size,
                meaning=self.deployer.meaning,
                worker_processes=self.limits.processes,
                sign=None if signs is None else partial(signs.sign, found.url),
                read=None if signs is None else signs.read,
            )
            self.key = http.key
            self._http = await stack.enter_async_context(http)
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http = None
        await self._open.aclose()

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        return await self._in_time(self._opened().invoke(body), self._deadline())

    async def stream(self, body: bytes) -> AsyncGenerator[Reply]:
        """Give the messages of the reply to a message, as they come."""
        deadline = self._deadline()
        async with aclosing(self._opened().stream(body)) as replies:
            while (reply := await self._in_time(anext(replies, None), deadline)) is not None:
                yield reply

    def _opened(self) -> HttpBackend:
        if self._http is None:
            raise ServiceUnavailable("the backend is not open")
        return self._http

    def _deadline(self) -> float | None:
        """Return until when a reply has to come: after that, the service has given up, too."""
        seconds = self.limits.seconds
        now = asyncio.get_running_loop().time()
        return None if seconds is None else now + seconds + GRACE_SECONDS

    async def _in_time(self, work: Awaitable[T], deadline: float | None) -> T:
        limit = asyncio.timeout_at(deadline)
        try:
            async with limit:
                return await work
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise late(self._name, self.limits.seconds) from error

    # What is deployed.

    async def describe(self) -> dict[str, Any]:
        """Return what the runtime is like: ``python``, ``machine`` and its ``packages``."""
        return await described(self.key, self.invoke)

    async def services(self) -> AsyncIterator[Service]:
        """Give all services of greenlithops where this one is."""
        async for one in self.deployer.services():
            yield one

    async def delete(self, name: str | None = None) -> None:
        """Delete a service, by default the one that is invoked; a missing one is fine."""
        await self.deployer.delete(name or self._name)

    async def logs(self, seconds: float = 3600.0) -> AsyncIterator[str]:
        """Give the lines that the service has logged, as its provider has them by now.

        Args:
            seconds: how far to go back.
        """
        async for line in self.deployer.logs(self._name, seconds):
            yield line

    @property
    def _name(self) -> str:
        return self.service.name if self.service is not None else "that is not deployed"

    def __repr__(self) -> str:
        return f"<HostedBackend {self.name} {self._name}>"


async def described(key: bytes, invoke: Callable[[bytes], Awaitable[Reply]]) -> dict[str, Any]:
    """Return what a runtime is like, which a call in it tells.

    Args:
        key: what messages to it are authenticated with.
        invoke: returns the reply to a message.
    """
    image = (pickle.dumps(description), 0)
    python, call = tuple(sys.version_info[:2]), pickle.dumps(())
    content: Any = (python, _DESCRIBE, image, _OPTIONS, [], [call], None)
    reply = await invoke(invocation.pack(key, invocation.REQUEST, content))
    said, _ = invocation.unpack(key, invocation.REPLY, reply.body)
    if said[0] != invocation.OUTCOMES:
        raise IncompatibleRuntime(str(said[1]))
    found: dict[str, Any] = pickle.loads(said[4][0])
    return found


def late(name: str, seconds: float | None) -> CallTimeout:
    """Return the error of calls whose invocation took longer than its service allows."""
    limit = "the time" if seconds is None else f"the {seconds:g} seconds"
    return CallTimeout(
        f"the service {name} was given {limit} that an invocation may take, and did not reply: "
        "give more runtime_timeout, or fewer calls at a time"
    )
