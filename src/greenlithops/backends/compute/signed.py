"""Runs calls in a function whose service takes signed requests, deployed when this is opened."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Protocol, Self

import aiohttp

from greenlithops.backends.compute.hosted import GRACE_SECONDS, Service, described
from greenlithops.backends.compute.services import PYTHON, Answer, fits, post
from greenlithops.errors import IncompatibleRuntime, ServiceRefused, ServiceUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from greenlithops.models import Limits, Reply, ServiceSize


class SigningDeployer(Protocol):
    """Knows one provider's control plane, and how its functions are invoked."""

    async def open(self) -> None:
        """Find the credentials."""
        ...

    async def close(self) -> None:
        """Close the connections; it may not have been opened."""
        ...

    async def ensure(self) -> Service:
        """Return the function that is wanted, made or brought up to date if need be.

        Raises:
            ConfigurationError: another function has its name, or its code cannot be made.
            ServiceRefused: the provider does not take it.
            ServiceUnavailable: it does not become ready.
        """
        ...

    async def sign(self, url: str, body: bytes) -> Mapping[str, str]:
        """Return the headers of an invocation, its signature among them."""
        ...

    def read(self, answer: Answer) -> Reply:
        """Return the reply in an answer, or raise what its failure means."""
        ...

    def services(self) -> AsyncIterator[Service]:
        """Give all functions of greenlithops where this one would be."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a function; a missing one is fine."""
        ...

    def logs(self, name: str, seconds: float) -> AsyncIterator[str]:
        """Give the lines that a function has logged in the last seconds, oldest first."""
        ...


class SignedBackend:
    """Runs calls in a function, which is deployed when this is opened.

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
        deployer: SigningDeployer,
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
        self._url = ""
        self._session: aiohttp.ClientSession | None = None
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            stack.push_async_callback(self.deployer.close)
            await self.deployer.open()
            found = self.service = await self.deployer.ensure()
            if found.python not in {None, PYTHON}:
                raise IncompatibleRuntime(
                    f"the function {found.name} runs Python {found.python}, this program {PYTHON}: "
                    "pickled functions need the same one"
                )
            if found.url is None or found.key is None:
                raise ServiceRefused(f"the function {found.name} cannot be invoked")
            self.key, self._url = found.key.encode(), found.url
            self._session = await stack.enter_async_context(
                aiohttp.ClientSession(
                    connector=aiohttp.TCPConnector(limit=0, ttl_dns_cache=300),
                    auto_decompress=False,
                )
            )
            self._open = stack.pop_all()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._session = None
        await self._open.aclose()

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self.limits.payload_bytes is not None:
            fits(self.name, body, self.limits.payload_bytes)
        headers = await self.deployer.sign(self._url, body)
        wait = None if self.limits.seconds is None else self.limits.seconds + GRACE_SECONDS
        return self.deployer.read(await post(self._session, self._url, body, headers, wait=wait))

    # What is deployed.

    async def describe(self) -> dict[str, Any]:
        """Return what the runtime is like: ``python``, ``machine`` and its ``packages``."""
        return await described(self.key, self.invoke)

    async def services(self) -> AsyncIterator[Service]:
        """Give all functions of greenlithops where this one is."""
        async for one in self.deployer.services():
            yield one

    async def delete(self, name: str | None = None) -> None:
        """Delete a function, by default the one that is invoked; a missing one is fine."""
        await self.deployer.delete(name or self._name)

    async def logs(self, seconds: float = 3600.0) -> AsyncIterator[str]:
        """Give the lines that the function has logged, as its provider has them by now.

        Args:
            seconds: how far to go back.
        """
        async for line in self.deployer.logs(self._name, seconds):
            yield line

    @property
    def _name(self) -> str:
        if self.service is None:
            raise ServiceUnavailable("the backend is not open")
        return self.service.name

    def __repr__(self) -> str:
        return f"<SignedBackend {self.name} {self.service.name if self.service else 'not open'}>"
