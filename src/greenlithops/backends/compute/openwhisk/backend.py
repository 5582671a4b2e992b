"""Invokes an OpenWhisk action, which is deployed when the backend is opened."""

from __future__ import annotations

import json
from binascii import a2b_base64, b2a_base64
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.compute.http.client import Client
from greenlithops.backends.compute.http.depot import Messages, Place
from greenlithops.backends.compute.http.refusals import refusal
from greenlithops.backends.compute.openwhisk.activations import result, seconds, start_seconds
from greenlithops.backends.compute.openwhisk.deployment import Actions
from greenlithops.backends.compute.openwhisk.options import OpenWhiskOptions
from greenlithops.backends.compute.rest import becomes
from greenlithops.errors import (
    NotSupported,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from greenlithops.models import Limits, Reply, ServiceSize
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.lambda_handler import DESCRIBE, FROM, MESSAGE, REFUSED, TO, TOO_LARGE
from greenlithops.worker.openwhisk_action import MOST

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from greenlithops.backends.compute.hosted import Service
    from greenlithops.protocols import Depot

WAIT_MS = 60_000  #: for which OpenWhisk holds a request until it is answered, at most
GRACE_SECONDS = 60.0  #: for the start of a container, and until a record is written
ROOM = 4096  #: bytes of a request besides its message
#: what OpenWhisk says when an action has failed; the record of its activation says how
_FAILED = 502


def openwhisk(**options: Any) -> OpenWhiskBackend:
    """Return a backend for an OpenWhisk action; see `OpenWhiskOptions` for what it takes.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    return OpenWhiskBackend(OpenWhiskOptions.of(options))


class OpenWhiskBackend:
    """Runs calls in an action of OpenWhisk, which is deployed when this is opened.

    Args:
        options: what the action is like.
    """

    name = "openwhisk"

    def __init__(self, options: OpenWhiskOptions) -> None:
        self.options = options
        self.patience = options.patience
        self.limits = Limits(
            concurrency=options.concurrency,
            seconds=options.runtime_timeout,
            memory_bytes=options.runtime_memory << 20,
            processes=options.worker_processes,
        )
        self.size = (
            None
            if options.vcpus is None
            else ServiceSize(
                memory_mb=options.runtime_memory,
                vcpus=options.vcpus,
                provider=options.provider,
                region=options.region,
            )
        )
        self.key = b""
        self.service: Service | None = None  #: what is invoked, while this is open
        self.deployer = Actions(options)
        self._messages: Messages | None = None
        self._client: Client | None = None

    def use(self, depot: Depot) -> None:
        """Pass what is too large for OpenWhisk through a storage, if that has a bucket."""
        if depot.bucket is not None:
            self._messages = Messages(depot, depot.bucket)

    async def __aenter__(self) -> Self:
        await self.deployer.open()
        try:
            self.service = await self.deployer.ensure()
        except BaseException:
            await self.deployer.close()
            raise
        self.key = (self.service.key or "").encode()
        self._client = Client(
            f"{self.deployer.url(self.service.name)}?blocking=true&timeout={WAIT_MS}",
            WAIT_MS / 1000 + GRACE_SECONDS,
            {**self.deployer.proof, "Content-Type": "application/json"},
            verify=not self.options.insecure,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()
        await self.deployer.close()

    # Activations.

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        place = await self._messages.place() if self._messages is not None else None
        source: Place | None = None
        event: dict[str, Any] = {MOST: self.options.payload_bytes - ROOM}
        if len(body) * 4 // 3 + ROOM > self.options.payload_bytes:
            source = await self._stored(body)
            event[FROM] = source.url
        else:
            event[MESSAGE] = b2a_base64(body, newline=False).decode()
        if place is not None:
            event[TO] = place.url
        try:
            record = await self._activate(event)
        finally:
            if source is not None and self._messages is not None:
                await self._messages.delete(source)
        found = await self._read(result(record), place)
        return Reply(found, seconds(record), start_seconds(record))

    async def _stored(self, body: bytes) -> Place:
        said = f"the arguments take {len(body)} bytes, and OpenWhisk {self.options.payload_bytes}"
        if self._messages is None:
            raise PayloadTooLarge(f"{said}: give the executor a storage with a bucket")
        try:
            return await self._messages.put(body)
        except NotSupported as error:
            raise PayloadTooLarge(
                f"{said}: give the executor a storage that can sign URLs, such as S3"
            ) from error

    async def _activate(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the record of an activation, which may take longer than a request is held."""
        if self._client is None:
            raise ServiceUnavailable("the backend is not open")
        answer = await self._client.ask(json.dumps(event).encode())
        body = answer.body
        if answer.status in {200, 202, _FAILED}:
            try:
                said = await off_loop(json.loads, body) if len(body) > LARGE else json.loads(body)
            except ValueError:
                said = None
            if isinstance(said, dict) and "response" in said:
                return said
            if isinstance(said, dict) and "activationId" in said:
                return await self._awaited(said["activationId"])
        raise refusal(answer.status, answer.headers, f"{self.options.endpoint}: {answer.text()}")

    async def _awaited(self, activation: str) -> dict[str, Any]:
        """Return the record of an activation that goes on after its request was answered."""
        url = self.deployer.activation_url(activation)
        limit = self.options.runtime_timeout + GRACE_SECONDS
        try:
            return await becomes(
                lambda: self.deployer.rest.find(url), f"activation {activation}", limit, first=0.2
            )
        except ServiceUnavailable as error:  # it has begun, so it must not begin again unasked
            raise WorkerLost(
                f"the record of activation {activation} is not had: {error}"
            ) from error

    async def _read(self, content: Mapping[str, Any], place: Place | None) -> bytes:
        if REFUSED in content:
            raise ServiceRefused(f"the action refused: {content[REFUSED]}")
        if TOO_LARGE in content:
            raise PayloadTooLarge(
                f"the results take {content[TOO_LARGE]} bytes, and OpenWhisk returns "
                f"{self.options.payload_bytes}: give the executor a storage with a bucket that can "
                "sign URLs, such as S3"
            )
        if TO in content and place is not None and self._messages is not None:
            body = await self._messages.get(place)
            await self._messages.delete(place)
            return body
        if MESSAGE not in content:
            raise ServiceRefused(f"the action is no worker of greenlithops: {content!r:.200}")
        if place is not None and self._messages is not None:
            self._messages.unused(place)
        encoded = content[MESSAGE]
        return await off_loop(a2b_base64, encoded) if len(encoded) > LARGE else a2b_base64(encoded)

    # What is deployed.

    async def describe(self) -> dict[str, Any]:
        """Return what the runtime is like: ``python``, ``machine`` and its ``packages``."""
        return result(await self._activate({DESCRIBE: True}))

    async def services(self) -> AsyncIterator[Service]:
        """Give all actions of greenlithops in the package."""
        async for one in self.deployer.services():
            yield one

    async def delete(self, name: str | None = None) -> None:
        """Delete an action, by default the one that is invoked; a missing one is fine."""
        await self.deployer.delete(name or self._name)

    async def logs(self, seconds: float = 3600.0) -> AsyncIterator[str]:
        """Give the lines that the newest activations have written: 200 of them at most.

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
        return f"<OpenWhiskBackend {self.options.endpoint}>"
