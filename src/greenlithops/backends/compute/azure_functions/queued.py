"""Invokes a function app by its queue: for calls that take longer than its front end waits."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Self

from greenlithops.backends.compute.azure_functions.queue import MOST_MESSAGE
from greenlithops.backends.compute.hosted import HostedBackend
from greenlithops.backends.compute.http.deferred import Deferred, Defers

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from types import TracebackType

    from greenlithops.backends.compute.azure_functions.deployment import AzureFunctionsDeployer
    from greenlithops.models import Limits, Reply, ServiceSize


class QueuedBackend(Defers, HostedBackend):
    """A function app whose replies come through the executor's storage.

    Args:
        name: the backend's.
        deployer: knows the app and its queue.
        limits: what the app takes.
        size: what it reserves for an invocation.
        patience: seconds for which it may be away before calls fail.
        seconds: how long an invocation may wait for its turn, and may take then.
    """

    def __init__(
        self,
        name: str,
        deployer: AzureFunctionsDeployer,
        *,
        limits: Limits,
        size: ServiceSize,
        patience: float,
        seconds: tuple[int, int],
    ) -> None:
        super().__init__(name, deployer, limits=limits, size=size, patience=patience)
        self._seconds = seconds
        self._queues = deployer.queues
        self._deferred = Deferred(name, MOST_MESSAGE * 3 // 4)

    async def __aenter__(self) -> Self:
        self._deferred.check()  # before anything is made
        await super().__aenter__()
        queue, run = self._seconds
        self._deferred.open(self.key, queue_seconds=queue, run_seconds=run)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._deferred.close()
        await super().__aexit__(kind, error, trace)

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self._deferred.mailbox is None:  # it is being opened
            return await super().invoke(body)
        leave = partial(self._queues.leave, self._name, seconds=self._seconds[0])
        return await self._deferred.reply(body, MOST_MESSAGE, leave)

    async def stream(self, body: bytes) -> AsyncGenerator[Reply]:
        """Give the reply to a message."""
        yield await self.invoke(body)
