"""Invokes a function of AWS Lambda: one request for a batch of calls, the outcomes in its reply."""

from __future__ import annotations

import json
from binascii import a2b_base64
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.compute.aws_lambda.control import Control
from greenlithops.backends.compute.aws_lambda.endpoint import Endpoint
from greenlithops.backends.compute.aws_lambda.options import PYTHON, LambdaOptions
from greenlithops.backends.compute.aws_lambda.report import log_tail, report
from greenlithops.backends.compute.http.deferred import Deferred, Defers
from greenlithops.errors import (
    IncompatibleRuntime,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
)
from greenlithops.models import Limits, Reply, ServiceSize
from greenlithops.offload import LARGE, off_loop
from greenlithops.worker.lambda_handler import DESCRIBE, MESSAGE, REFUSED, TO, TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from greenlithops.backends.compute.aws_lambda.deployment import Deployed
    from greenlithops.backends.compute.http.depot import Place

MOST_EVENT = 6 << 20  #: bytes of JSON that Lambda takes for an answer at once
MOST_LATER = 256 << 10  #: and for none
GRACE_SECONDS = 60.0  #: for the start of an environment, beyond what an invocation may take
MB_PER_VCPU, MOST_VCPUS = 1769, 6.0


def aws_lambda(**options: Any) -> LambdaBackend:
    """Return a backend for functions of AWS Lambda; see `LambdaOptions` for what it takes.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    return LambdaBackend(LambdaOptions.of(options))


class LambdaBackend(Defers):
    """Runs calls in a function of AWS Lambda, which is deployed when this is opened.

    Args:
        options: what the function is like.
    """

    name = "aws_lambda"

    def __init__(self, options: LambdaOptions) -> None:
        self.options = options
        self.patience = options.patience
        self.limits = Limits(
            concurrency=options.concurrency,
            seconds=options.runtime_timeout,
            memory_bytes=options.runtime_memory << 20,
            processes=options.worker_processes,
        )
        self.size = ServiceSize(
            memory_mb=options.runtime_memory,
            vcpus=min(options.runtime_memory / MB_PER_VCPU, MOST_VCPUS),
            architecture=options.architecture,
            region=options.region,
            tariff="lambda-arm" if options.architecture == "arm64" else "lambda-x86",
        )
        self.key = b""
        self.function: Deployed | None = None  #: what is invoked, while this is open
        self.deployer = Control(options)
        self._account = self.deployer.account
        self._deferred = Deferred("Lambda", MOST_EVENT * 3 // 4)
        self._endpoint: Endpoint | None = None

    async def __aenter__(self) -> Self:
        if self.options.asynchronous:
            self._deferred.check()  # before anything is made
        await self.deployer.open()
        try:
            client = await self._account.client()
            self.function = await self.deployer.ensure()
            self._check(self.function)
        except BaseException:
            await self.deployer.close()
            raise
        self.key = (self.function.key or "").encode()
        if self.options.asynchronous:
            queue, run = self.options.queue_seconds, self.options.runtime_timeout
            self._deferred.open(self.key, queue_seconds=queue, run_seconds=run)
        self._endpoint = Endpoint(
            self._account,
            client.meta.endpoint_url,
            self.function.name,
            # A reply that has not come by then will not come: the function was stopped.
            seconds=self.options.runtime_timeout + GRACE_SECONDS,
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._deferred.close()
        endpoint, self._endpoint = self._endpoint, None
        if endpoint is not None:
            await endpoint.close()
        await self.deployer.close()

    def _check(self, function: Deployed) -> None:
        mine = PYTHON.removeprefix("python")
        if function.python not in {None, mine}:
            raise IncompatibleRuntime(
                f"the function {function.name} runs Python {function.python}, this program {mine}: "
                "pickled functions need the same one"
            )

    @property
    def _asked(self) -> Endpoint:
        if self._endpoint is None:
            raise ServiceUnavailable("the backend is not open")
        return self._endpoint

    # Invocations.

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        if self._deferred.mailbox is not None:
            return await self._deferred.reply(body, MOST_LATER, self._asked.leave)
        messages = self._deferred.messages
        place = await messages.place() if messages is not None else None
        event, source = await self._deferred.event(body, MOST_EVENT)
        if place is not None:
            event[TO] = place.url
        try:
            reply, headers = await self._asked.ask(event)
        finally:
            await self._deferred.drop(source)
        content = await self._content(reply)
        return await self._read(content, headers, place)

    async def _content(self, reply: bytes) -> dict[str, Any]:
        try:
            content = await off_loop(json.loads, reply) if len(reply) > LARGE else json.loads(reply)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise ServiceRefused(
                f"the function {self._name} is no worker of greenlithops: it answered "
                f"{reply[:200]!r}"
            )
        return content

    async def _read(
        self, content: dict[str, Any], headers: Mapping[str, str], place: Place | None
    ) -> Reply:
        if REFUSED in content:
            raise ServiceRefused(f"the function {self._name} refused: {content[REFUSED]}")
        if TOO_LARGE in content:
            raise PayloadTooLarge(
                f"the results take {content[TOO_LARGE]} bytes, and Lambda returns 6 MiB: give the "
                "executor a storage with a bucket that can sign URLs, such as S3"
            )
        messages = self._deferred.messages
        if TO in content and place is not None and messages is not None:
            body = await messages.get(place)
            await messages.delete(place)
        elif MESSAGE in content:
            encoded = content[MESSAGE]
            large = len(encoded) > LARGE
            body = await off_loop(a2b_base64, encoded) if large else a2b_base64(encoded)
            if place is not None and messages is not None:
                messages.unused(place)
        else:
            raise ServiceRefused(f"the function {self._name} is no worker of greenlithops")
        said = report(log_tail(headers.get("X-Amz-Log-Result")))
        if said is None:
            return Reply(body)
        return Reply(body, said.billed_seconds, said.init_seconds)

    # What is deployed.

    async def describe(self) -> dict[str, Any]:
        """Return what the runtime is like: ``python``, ``machine`` and its ``packages``."""
        reply, _ = await self._asked.ask({DESCRIBE: True})
        return await self._content(reply)

    async def functions(self) -> AsyncIterator[Deployed]:
        """Give all functions of greenlithops in this account and region."""
        async for one in self.deployer.services():
            yield one

    async def delete(self, name: str | None = None) -> None:
        """Delete a function, by default the one that is invoked; a missing one is fine."""
        await self.deployer.delete(name or self._name)

    async def logs(self, seconds: float = 3600.0) -> AsyncIterator[str]:
        """Give the lines that the function has logged, as CloudWatch has them by now.

        Args:
            seconds: how far to go back.
        """
        async for line in self.deployer.logs(self._name, seconds):
            yield line

    @property
    def _name(self) -> str:
        return self.function.name if self.function is not None else "that is not deployed"

    def __repr__(self) -> str:
        return f"<LambdaBackend {self._name}>"
