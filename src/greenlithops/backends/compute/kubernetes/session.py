"""What one executor has in a cluster: created together, watched, and deleted with one request."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes import manifests
from greenlithops.backends.compute.kubernetes.api import Api, path
from greenlithops.backends.compute.kubernetes.failures import Exists
from greenlithops.backends.compute.kubernetes.guardian import Guardian
from greenlithops.backends.compute.kubernetes.naming import (
    ROLE,
    ROLE_ANCHOR,
    SESSION,
    UNTIL,
    name_of,
)
from greenlithops.backends.compute.kubernetes.watch import Watch
from greenlithops.errors import (
    GreenlithopsError,
    ServiceRefused,
    ServiceUnavailable,
    Throttled,
)
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from greenlithops.backends.compute.kubernetes.naming import Manifest
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
    from greenlithops.backends.compute.kubernetes.pods import Errand
    from greenlithops.backends.compute.kubernetes.state import Pods

INDEXED = (1, 21)  #: the first version of Kubernetes that has indexed Jobs
SKEW_SECONDS = 120  #: by which the clocks of two programs may differ
_PACE = 0.2  #: seconds after which a server that asked for less is asked again, at first

_log = logging.getLogger(__name__)


class Session:
    """The objects of an executor in a cluster.

    Args:
        api: the server; closed with this.
        options: what pods are like.
        name: of the session.
        settings: what workers must know.
    """

    def __init__(
        self, api: Api, options: KubernetesOptions, name: str, settings: dict[str, Any]
    ) -> None:
        self.api = api
        self.name = name
        self.version = (0, 0)
        self._options = options
        self._settings = settings
        self._anchor: Manifest | None = None
        self._guardian: Guardian | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._replicas = 0
        self._started = 0.0

    @property
    def indexed(self) -> bool:
        """Whether the server has indexed Jobs."""
        return self.version >= INDEXED

    def manifests(self) -> list[Manifest]:
        """Return everything that is created at once."""
        return manifests.everything(self._options, self.name, self._settings, self._anchor)

    async def open(self) -> None:
        """Create what is needed, after it was held against the server's schema.

        Whether it succeeds or not, `close` has to follow.

        Raises:
            ConfigurationError: it does not fit the schema.
            ServiceError: the server refuses, or is not there.
        """
        self.version = await self.api.version()
        until = time.time() + manifests.ANCHOR_SECONDS
        anchor = manifests.anchor(self._options, self.name, until)
        await self.api.check([anchor, *self.manifests(), *self._example()])
        where, access = _where(self._options, self.api), await self.api.access()
        self._guardian = await off_loop(Guardian, where, self.name, access)
        self._anchor = await self.api.create(anchor)
        self._started = asyncio.get_running_loop().time()
        for one in self.manifests():  # in this order: pods find the Secrets that they mount
            await self.api.create(one)
        self._replicas = self._options.min_workers
        self._spawn(self._extend())
        self._spawn(self._sweep())

    async def _sweep(self) -> None:
        """Delete what programs left whose machine was lost, where the cluster does not."""
        selector = [("labelSelector", f"{ROLE}={ROLE_ANCHOR}")]
        try:
            found = await self.api.list(path("Job", self.api.namespace), selector)
            for one in found["items"]:
                until = one["metadata"].get("annotations", {}).get(UNTIL, "")
                if until.isdigit() and int(until) + SKEW_SECONDS < time.time():
                    await self.api.delete("Job", one["metadata"]["name"])
        except GreenlithopsError as error:
            _log.debug("what others may have left is not looked for: %s", error)

    def _example(self) -> list[Manifest]:
        if self._options.mode == "pool" and not self._options.more_memory:
            return []
        return [manifests.job(self._options, self.name, 0, 1, indexed=self.indexed)]

    async def leave(self) -> None:
        """Stop to watch, and leave everything as it is."""
        await self._end_tasks()
        await self.api.close()

    async def _end_tasks(self) -> None:
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def close(self) -> None:
        """Delete everything."""
        await self._end_tasks()
        deleted = self._guardian is None  # nothing was created
        try:
            if not deleted:
                await self.api.delete("Job", name_of(self.name))
                deleted = True
        except ServiceRefused as error:
            deleted = True  # the guardian would be refused, too
            if self._anchor is not None:
                _log.warning("what %s has is not deleted: %s", name_of(self.name), error)
        except GreenlithopsError as error:
            _log.warning(
                "what %s has in the cluster is not deleted now, but some minutes later by the "
                "cluster itself: %s", name_of(self.name), error
            )  # fmt: skip
        finally:
            if self._guardian is not None:
                await off_loop(self._guardian.dismiss if deleted else self._guardian.leave)
                self._guardian = None
            await self.api.close()

    # What goes on in the cluster.

    async def watch(self, pods: Pods, failed: Callable[[GreenlithopsError], None]) -> None:
        """Tell of what becomes of pods from now on.

        Args:
            pods: is told.
            failed: told why nothing more will be heard.
        """
        namespace, own = self.api.namespace, {"labelSelector": f"{SESSION}={self.name}"}
        watches = [
            Watch(self.api, path("Pod", namespace), own, pods.pod),
            Watch(self.api, path("Event", namespace), {}, pods.event, old=False),
        ]
        if self._options.mode == "pool":
            deployments = path("Deployment", namespace)
            watches.append(Watch(self.api, deployments, own, pods.deployment))
        await asyncio.gather(*(one.begin() for one in watches))
        for one in watches:
            self._spawn(self._watch(one, failed))

    async def _watch(self, watch: Watch, failed: Callable[[GreenlithopsError], None]) -> None:
        try:
            await watch.run()
        except GreenlithopsError as error:
            failed(error)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _extend(self) -> None:
        """Move the anchor's deadline on, as long as this program lives."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(manifests.ANCHOR_SECONDS / 4)
            lived = round(loop.time() - self._started)
            until = round(time.time()) + manifests.ANCHOR_SECONDS
            change = {
                "metadata": {"annotations": {UNTIL: str(until)}},
                "spec": {"activeDeadlineSeconds": lived + manifests.ANCHOR_SECONDS},
            }
            try:
                await self.api.patch("Job", name_of(self.name), change)
            except GreenlithopsError as error:
                _log.warning("the session's deadline was not moved on: %s", error)

    # Pods on request.

    @property
    def replicas(self) -> int:
        """How many pods the pool was asked to have."""
        return self._replicas

    async def scale(self, replicas: int) -> None:
        """Ask for so many pods in the pool."""
        change = {"spec": {"replicas": replicas}}
        await self.api.patch("Deployment", name_of(self.name), change)
        self._replicas = replicas

    async def create_parcels(self, number: int, content: Any) -> str:
        """Create the Secret that says where invocations are; return its name."""
        manifest = manifests.parcels(self.name, number, content, self._anchor)
        await self._create(manifest)
        name: str = manifest["metadata"]["name"]
        return name

    async def create_job(
        self, number: int, count: int, factor: int, errand: Errand | None = None
    ) -> None:
        """Create a Job with a pod for each invocation."""
        manifest = manifests.job(
            self._options, self.name, number, count,
            indexed=self.indexed, memory_factor=factor, errand=errand, owner=self._anchor,
        )  # fmt: skip
        await self._create(manifest)

    async def _create(self, manifest: Manifest) -> None:
        """Create an object as fast as the server bears it."""
        pause = _PACE
        deadline = asyncio.get_running_loop().time() + self._options.patience
        while True:
            try:
                await self.api.create(manifest)
            except Exists:
                return  # its creation was answered by a broken connection
            except (Throttled, ServiceUnavailable) as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise
                await asyncio.sleep(error.retry_after or pause)
                pause *= 2
            else:
                return

    async def delete_job(self, number: int) -> None:
        """Delete a Job and its pods."""
        await self.api.delete("Job", f"{name_of(self.name)}-{number}")


def _where(options: KubernetesOptions, api: Api) -> dict[str, Any]:
    """Return what another process must know to reach the same cluster."""
    return {
        "kubeconfig": options.kubeconfig and os.fspath(options.kubeconfig),
        "context": options.context,
        "in_cluster": options.in_cluster,
        "namespace": api.namespace,
    }
