"""Runs calls in pods: invocations travel through Redis, the cluster says what becomes of pods."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import logging
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.compute.http.depot import Messages
from greenlithops.backends.compute.kubernetes import exchange, manifests
from greenlithops.backends.compute.kubernetes.api import Api, path
from greenlithops.backends.compute.kubernetes.failures import NotThere
from greenlithops.backends.compute.kubernetes.judge import Judge
from greenlithops.backends.compute.kubernetes.link import Link
from greenlithops.backends.compute.kubernetes.naming import name_of
from greenlithops.backends.compute.kubernetes.nodes import Nodes, told
from greenlithops.backends.compute.kubernetes.options import KubernetesOptions, with_template
from greenlithops.backends.compute.kubernetes.parcels import Parcels
from greenlithops.backends.compute.kubernetes.pods import Errand
from greenlithops.backends.compute.kubernetes.scaling import Scaler
from greenlithops.backends.compute.kubernetes.session import Session
from greenlithops.errors import (
    ConfigurationError,
    GreenlithopsError,
    PayloadTooLarge,
    ServiceRefused,
    ServiceUnavailable,
)
from greenlithops.models import Limits, Reply
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from types import TracebackType

    from greenlithops.backends.compute.kubernetes.pending import Pending
    from greenlithops.models import ServiceSize
    from greenlithops.protocols import Depot

MOST_BYTES = 256 << 20  #: of one invocation in Redis
MOST_JOBS_CALLS = 10_000  #: invocations at a time where each has a pod of its own
MOST_URLS = 500  #: invocations whose URLs fit into a Secret
GATHER_SECONDS = 0.02  #: in which invocations are gathered into one Job

_log = logging.getLogger(__name__)


def kubernetes(**options: Any) -> KubernetesBackend:
    """Return a backend for a Kubernetes cluster; see `KubernetesOptions` for what it takes.

    Raises:
        ConfigurationError: an option is unknown, missing or impossible.
    """
    return KubernetesBackend(KubernetesOptions.of(options))


class KubernetesBackend:
    """Runs calls in pods of a cluster, which are created when this is opened.

    Args:
        options: what pods are like.
    """

    name = "kubernetes"

    def __init__(self, options: KubernetesOptions) -> None:
        self.options = options
        self.patience = options.patience
        self.key = b""
        self.size: ServiceSize | None = None
        slots = options.max_workers * options.worker_processes
        # What a pod will run next lies in Redis while it runs something else.
        most = 2 * slots if options.mode == "pool" else max(MOST_JOBS_CALLS, slots)
        self.limits = Limits(
            payload_bytes=MOST_BYTES, concurrency=most, seconds=options.runtime_timeout
        )
        self.session: Session | None = None
        stored = options.mode == "jobs" and options.redis is None
        own = options.pool is None and not stored
        self._place = exchange.described(options.redis) if own else {}
        self._messages: Messages | None = None
        self._link: Link | Parcels | None = None
        self._judge: Judge
        self._nodes: Nodes
        self._scaler: Scaler | None = None
        self._outbox: list[Pending] = []
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()

    # Opening and closing.

    def use(self, depot: Depot) -> None:
        """Pass the calls of Jobs through a storage, if there is no Redis for them."""
        stored = self.options.mode == "jobs" and self.options.redis is None
        if stored and self.options.pool is None and depot.bucket is not None:
            self._messages = Messages(depot, depot.bucket)

    def _linked(self, pool: str, client: str) -> Link | Parcels:
        options = self.options
        if self._place:
            return Link(
                self._place, pool, client, seconds=options.client_seconds,
                patience=options.patience, on_reply=self._ended,
            )  # fmt: skip
        if self._messages is not None:
            return Parcels(self._messages, self._ended)
        raise ConfigurationError(
            "kubernetes: Jobs pass their calls through a Redis, or the executor's storage: give "
            "redis, or give the executor a storage with a bucket that signs URLs, such as S3"
        )

    async def __aenter__(self) -> Self:
        options = self.options = await off_loop(with_template, self.options)
        api = await Api.open(options)
        client = secrets.token_hex(5)
        try:
            settings = await self._settings(api, client)
            self.key = bytes.fromhex(settings["key"])
            self._link = link = self._linked(settings["pool"], client)
            await link.open()
        except BaseException:
            await api.close()
            raise
        self.session = Session(api, options, settings["pool"], settings)
        self._judge = judge = Judge(
            link, options, name_of(settings["pool"]), spawn=self._spawn, enlarge=self._enlarge
        )
        self._nodes = Nodes(api, options)
        try:
            if options.pool is None:
                await self.session.open()
            if isinstance(link, Parcels) and not self.session.indexed:
                # Each invocation has a Job of its own; nothing but this holds them back.
                self.limits = replace(self.limits, concurrency=options.max_workers)
            self.size = await self._nodes.size(settings["pool"])
            await self.session.watch(judge.pods, judge.give_up)
        except BaseException:
            await self._close()
            raise
        if options.mode == "pool" and options.pool is None:
            self._scaler = Scaler(self.session, options, self._busy, judge.give_up)
            self._spawn(self._scaler.run())
        self._spawn(judge.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._close()

    async def _close(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        link, self._link = self._link, None
        session, self.session = self.session, None
        whole = self.options.pool is None
        if session is not None:
            await (session.close() if whole else session.leave())
        if link is not None:
            await link.close(whole=whole)

    async def _settings(self, api: Api, client: str) -> dict[str, Any]:
        """Return what workers of this executor must know, or those of an installed pool do."""
        options = self.options
        if options.pool is not None:
            try:
                found = await api.request("GET", path("Secret", api.namespace, options.pool))
            except NotThere as error:
                raise ServiceRefused(
                    f"no pool {options.pool!r} is installed in the namespace {api.namespace}; "
                    "deploy/ has the recipes"
                ) from error
            settings: dict[str, Any] = json.loads(base64.b64decode(found["data"]["settings.json"]))
            self._place = exchange.described(options.redis) if options.redis else settings["redis"]
            return settings
        place = self._place
        if options.worker_redis is not None:
            place = exchange.described(options.worker_redis)
        return manifests.settings(options, client, place)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Invocations.

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message."""
        link = self._link
        if link is None:
            raise ServiceUnavailable("the backend is not open")
        if self._judge.broken is not None:
            raise self._judge.broken
        if len(body) > MOST_BYTES:
            raise PayloadTooLarge(
                f"the arguments take {len(body)} bytes, and Redis is given {MOST_BYTES} at most: "
                "put them into storage, and pass a CloudObject"
            )
        pending = link.book.make(body)
        try:
            if not self._outbox:
                self._spawn(self._flush())
            self._outbox.append(pending)
            message = await pending.reply
            machine = await self._nodes.machine_type(self._judge.pods.nodes.get(pending.pod))
            return Reply(message, told=told(pending.energy, machine))
        finally:
            link.drop(pending)

    async def _flush(self) -> None:
        """Send what was gathered, together."""
        jobs = self.options.mode == "jobs"
        await asyncio.sleep(GATHER_SECONDS if jobs else 0)
        gathered, self._outbox = self._outbox, []
        gathered = [one for one in gathered if not one.reply.done()]
        if gathered:
            await self._submit(gathered, jobs=jobs)

    async def _enlarge(self, pending: Pending, factor: int) -> None:
        await self._submit([pending], jobs=True, factor=factor)

    async def _submit(self, some: list[Pending], *, jobs: bool, factor: int = 1) -> None:
        link, session = self._link, self.session
        assert link is not None  # noqa: S101 - only while it is open
        assert session is not None  # noqa: S101 - the same
        try:
            if not jobs:
                await link.send(some)
                self._wake()
                return
            number = next(self._numbers)
            if isinstance(link, Parcels):
                await self._post(link, session, some, number, factor)
                return
            await link.send(some, f"job-{number}")
            await session.create_job(number, len(some), factor)
        except GreenlithopsError as error:
            for one in some:
                link.book.settle(one, error)

    async def _post(
        self, link: Parcels, session: Session, some: list[Pending], number: int, factor: int
    ) -> None:
        """Put invocations into the storage, and create what runs them."""
        urls: Any = await link.post(some)
        if len(urls) > MOST_URLS:
            urls = await link.index(urls)
        secret = await session.create_parcels(number, urls)
        if session.indexed:
            await link.send(some, f"job-{number}")
            await session.create_job(number, len(some), factor, Errand(secret, None))
            return
        for index, one in enumerate(some):
            own = number if index == 0 else next(self._numbers)
            await link.send([one], f"job-{own}")
            await session.create_job(own, 1, factor, Errand(secret, index))

    def _ended(self, pending: Pending) -> None:
        """Clean up after the last invocation of a Job."""
        role, link = pending.role, self._link
        if role is not None and link is not None:
            if not any(one.role == role for one in link.pending.values()):
                self._judge.pods.forget(role)
                self._spawn(self._clear(role))
        else:
            self._wake()

    async def _clear(self, role: str) -> None:
        if self.session is not None:
            try:
                await self.session.delete_job(int(role.removeprefix("job-")))
            except GreenlithopsError as error:
                _log.warning("a finished Job is left until the end: %s", error)

    def _wake(self) -> None:
        if self._scaler is not None:
            self._scaler.wake()

    def _busy(self) -> int:
        link = self._link
        return 0 if link is None else sum(one.role is None for one in link.pending.values())

    def __repr__(self) -> str:
        where = "not open" if self.session is None else self.session.api.namespace
        return f"<KubernetesBackend {where}>"
