"""Invocations that pass through a storage: each pod gets one, and leaves the reply there.

It has the place of `Link` where Jobs are used without a Redis. Pods are heard of by the watch: when
one has ended well, its reply is there; when it was lost, the Job starts another one by itself.
"""

from __future__ import annotations

import asyncio
import json
import logging
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.backends.compute.http.depot import Place
from greenlithops.backends.compute.kubernetes.errand import opened
from greenlithops.backends.compute.kubernetes.pending import Book, Pending
from greenlithops.errors import NotSupported, ServiceRefused, StorageError, WorkerLost

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from greenlithops.backends.compute.http.depot import Messages

SIGNED_SECONDS = 24 * 3600.0  #: in which invocations must have run
AT_ONCE = 32  #: messages that are put at a time

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Parcels:
    """Invocations of one client, each for a pod of its own.

    Args:
        messages: the storage.
        on_reply: called when an invocation has ended.
    """

    def __init__(self, messages: Messages, on_reply: Callable[[Pending], None]) -> None:
        self.book = Book(on_reply)
        self.pending = self.book.pending
        #: told of nothing here: the cluster starts a Job's pods again
        self.left: Callable[[Pending, str], None] = lambda *_: None
        #: which of a Job's invocations a pod has
        self.index_of: Callable[[str], int] = lambda _: 0
        self._messages = messages
        self._places: dict[int, tuple[Place, Place]] = {}  #: of the invocation, and of its reply
        self._order: dict[str, list[int]] = {}  #: the numbers of a Job's invocations
        self._tasks: set[asyncio.Task[Any]] = set()

    async def open(self) -> None:
        """Do nothing: the storage is open."""

    async def close(self, *, whole: bool) -> None:  # noqa: ARG002 - as a link's
        """Delete what is still there."""
        if self._tasks:
            await asyncio.wait(self._tasks)  # some may be on its way there
        for number in list(self._places):
            self._forget(number)
        try:
            async for found in self._messages.arrived():
                await self._messages.delete(Place(found.key, "", 0.0))
        except StorageError as error:
            _log.warning("what pods left in the storage is not deleted: %s", error)
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def post(self, some: list[Pending]) -> list[list[str]]:
        """Put invocations into the storage; return the URLs of each, and of its reply.

        Raises:
            ServiceRefused: it cannot sign URLs, or refuses.
        """
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(pending: Pending) -> list[str]:
            async with slots:
                # What is being put when nobody wants it any more must be deleted, too.
                return await asyncio.shield(self._spawn(self._put(pending)))

        try:
            return list(await asyncio.gather(*map(one, some)))
        except NotSupported as error:
            raise ServiceRefused(
                f"Jobs without a Redis pass calls through a storage that signs URLs: {error}"
            ) from error
        except StorageError as error:
            raise ServiceRefused(f"calls cannot be put into the storage: {error}") from error

    async def _put(self, pending: Pending) -> list[str]:
        self._forget(pending.number)  # it was posted before, to a pod with less memory
        target = await self._messages.reserved(SIGNED_SECONDS)
        source = await self._messages.put(pending.body, SIGNED_SECONDS)
        self._places[pending.number] = source, target
        if pending.reply.done():
            self._forget(pending.number)
        return [source.url, target.url]

    async def index(self, urls: list[list[str]]) -> str:
        """Return the URL of a list of URLs, for Jobs whose list is too long for a Secret."""
        place = await self._messages.put(json.dumps(urls).encode(), SIGNED_SECONDS)
        return place.url

    async def send(self, some: Iterable[Pending], role: str | None = None) -> None:
        """Say which Job's they are; one that was lost with a pod is run by the Job's next pod."""
        if role is None:
            return
        numbers = self._order.setdefault(role, [])
        for one in some:
            one.role, one.entry = role, b"posted"
            if one.number not in numbers:
                numbers.append(one.number)

    def drop(self, pending: Pending) -> None:
        """Forget an invocation; a pod that has not begun with it finds nothing to do."""
        self.book.drop(pending)
        self._forget(pending.number)

    def _forget(self, number: int) -> None:
        places = self._places.pop(number, None)
        if places is not None:
            self._spawn(self._delete(places))

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _delete(self, places: Iterable[Place]) -> None:
        for place in places:
            try:
                await self._messages.delete(place)
            except StorageError as error:
                _log.debug("a message is left in the storage: %s", error)

    def _of(self, pod: str, role: str | None) -> Pending | None:
        numbers, index = self._order.get(role or "", []), self.index_of(pod)
        return self.pending.get(numbers[index]) if index < len(numbers) else None

    async def ended(self, pod: str, role: str) -> None:
        """Take the reply of a pod that has ended well."""
        pending = self._of(pod, role)
        if pending is not None and not await self._fetch(pending):
            self.book.settle(pending, WorkerLost(f"the pod {pod} has ended without a reply"))

    async def taken_by(
        self,
        pod: str,
        role: str | None = None,
        before: float | None = None,  # noqa: ARG002 - as a link's
    ) -> list[Pending]:
        """Return what a pod was lost with, unless its reply is there."""
        pending = self._of(pod, role)
        return [] if pending is None or await self._fetch(pending) else [pending]

    async def _fetch(self, pending: Pending) -> bool:
        """Book a reply; return whether there is one."""
        places = self._places.get(pending.number)
        if places is None:
            return True
        try:
            data = await self._messages.get(places[1])
        except StorageError as error:
            _log.debug("there is no reply: %s", error)
            return False
        self.book.heard(pending, *opened(data))
        return True
