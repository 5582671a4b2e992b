"""Decides what becomes of calls when something becomes of pods: others run them, or they fail."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any

from greenlithops.backends.compute.kubernetes import exchange
from greenlithops.backends.compute.kubernetes.naming import ROLE_POOL
from greenlithops.backends.compute.kubernetes.state import Pods
from greenlithops.errors import GreenlithopsError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from greenlithops.backends.compute.kubernetes.failures import Trouble
    from greenlithops.backends.compute.kubernetes.link import Link
    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
    from greenlithops.backends.compute.kubernetes.parcels import Parcels
    from greenlithops.backends.compute.kubernetes.pending import Pending

TICK_SECONDS = 0.5

_log = logging.getLogger(__name__)


class Judge:
    """Follows the pods of a session, and settles the calls that these leave behind.

    Args:
        link: where the calls are.
        options: how patient it is.
        prefix: what the names of the session's objects begin with.
        spawn: runs what belongs to the session.
        enlarge: runs an invocation again, with so many times the memory.

    Attributes:
        pods: what is told of pods.
        broken: why no call can be run any more.
    """

    def __init__(
        self,
        link: Link | Parcels,
        options: KubernetesOptions,
        prefix: str,
        *,
        spawn: Callable[[Coroutine[Any, Any, None]], None],
        enlarge: Callable[[Pending, int], Coroutine[Any, Any, None]],
    ) -> None:
        self.pods = Pods(prefix, self._lost, self._look)
        self.broken: GreenlithopsError | None = None
        self._link = link
        self._options = options
        self._spawn = spawn
        self._enlarge = enlarge
        self._restarts: dict[str, Trouble] = {}  #: why pods' workers were started again, last
        self.pods.done = lambda pod, role: spawn(link.ended(pod, role))
        link.book.grow = self._grow
        link.left = self._left
        link.index_of = self.pods.index_of

    async def run(self) -> None:
        """Look at what only time decides, for ever."""
        while True:
            await asyncio.sleep(TICK_SECONDS)
            for role in {one.role or ROLE_POOL for one in self._link.pending.values()}:
                self._look(role)

    def give_up(self, error: GreenlithopsError) -> None:
        """Fail all calls, and those to come: the cluster does not let us go on."""
        self.broken = error
        self._fail(list(self._link.pending.values()), error)

    def _lost(self, pod: str, role: str, why: Trouble, before: float | None) -> None:
        if before is None:
            self._restarts.pop(pod, None)
        else:
            self._restarts[pod] = why
        self._spawn(self._settle(pod, role, why, before))

    def _left(self, pending: Pending, pod: str) -> None:
        """Settle what a pod's workers held before they were started again.

        If the cluster has not told of that yet, it is settled when it does.
        """
        if (why := self._restarts.get(pod)) is not None:
            self._spawn(self._settle(pod, pending.role or ROLE_POOL, why, exchange.ASIDE_BEFORE))

    async def _settle(self, pod: str, role: str, why: Trouble, before: float | None) -> None:
        """Give the calls of a pod to others, or fail them, as it is right."""
        stream = None if role == ROLE_POOL else role
        again = []
        for one in await self._link.taken_by(pod, stream, before):
            one.lost += 1
            if why.kind == "memory" and self._grow(one):
                continue
            if why.kind == "taken" and one.lost < self._options.attempts:
                again.append(one)
            else:
                self._link.book.settle(one, why.error())
        if again:
            _log.info("%s; its calls go to others", why.text)
            try:
                await self._link.send(again, stream)
            except GreenlithopsError as error:
                self._fail(again, error)

    def _grow(self, pending: Pending) -> bool:
        """Run an invocation that ran out of memory again with more of it, if that is wanted."""
        if pending.grown >= self._options.more_memory:
            return False
        pending.grown += 1
        self._spawn(self._enlarge(pending, 2**pending.grown))
        return True

    def _look(self, role: str) -> None:
        """Fail the calls of a role that cannot be run."""
        stream = None if role == ROLE_POOL else role
        pending = self._link.pending.values()
        waiting = [one for one in pending if one.role == stream and one.entry]
        verdict = self.pods.verdict(
            role,
            busy=bool(waiting),
            unschedulable=self._options.unschedulable_seconds,
            start=self._options.start_seconds,
        )
        if verdict is not None:
            self._fail(waiting, verdict.error())

    def _fail(self, some: Iterable[Pending], error: GreenlithopsError) -> None:
        for one in some:
            self._link.book.settle(one, error)
