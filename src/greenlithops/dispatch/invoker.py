"""Feeds functions that are invoked: as many requests in flight as the service bears.

It has the place of the `Dispatcher` where a backend has no workers to speak with, but takes an
invocation and replies with its outcomes.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.billing import dollars, seconds_of
from greenlithops.dispatch.ledger import clock_offset
from greenlithops.dispatch.pace import Pace
from greenlithops.dispatch.parcels import outcomes_of, packed, wanted
from greenlithops.errors import (
    CallTimeout,
    GreenlithopsError,
    IncompatibleRuntime,
    ServiceUnavailable,
    Throttled,
    WorkerLost,
)
from greenlithops.protocols import SupportsStreams
from greenlithops.worker import invocation

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.batch import Batch, Outcomes, RemoteFunction
    from greenlithops.dispatch.work import Work
    from greenlithops.energy.cpu_time.trees import TreeSource
    from greenlithops.models import Reply
    from greenlithops.protocols import SupportsInvocations

INLINE_IMAGE = 4096  #: bytes of a function that every request carries, rather than to be asked
FEED = 2  #: requests that are made at one go, before the loop goes on: each takes 0.3 ms


class Invoker:
    """Gives calls to a service, request by request.

    Args:
        backend: takes the requests.
        most: how many at a time at most.
        chunksize: how many calls in one request.
    """

    def __init__(self, backend: SupportsInvocations, *, most: int, chunksize: int) -> None:
        self.broken: Exception | None = None
        self.trees: TreeSource | None = None
        self._backend = backend
        self._stream = backend.stream if isinstance(backend, SupportsStreams) else None
        self._processes = backend.limits.processes
        self._wanted = wanted(backend)
        self._chunksize = max(chunksize, self._processes)
        self._loop = asyncio.get_running_loop()
        self._works: collections.deque[Work] = collections.deque()
        self._running: dict[asyncio.Task[None], Batch] = {}
        self._pace = Pace(most)
        self._feeding = self._closing = False
        # One for all requests: Python's collector traces what each of thousands has.
        self._on_end, self._context = self._ended, contextvars.copy_context()
        self._offset = round(clock_offset() * 1e9)
        self._workers: dict[str, None] = {}
        self._away_since: float | None = None

    @property
    def workers(self) -> list[str]:
        """The names of the workers that have answered."""
        return list(self._workers)

    def add(self, work: Work) -> None:
        """Take on the calls of a job."""
        work.wake = self.wake
        self._works.append(work)
        self.wake()

    def warm(self) -> None:
        """Do nothing: services start by themselves."""

    def forget(self, function: RemoteFunction) -> None:
        """Do nothing: services forget by themselves."""

    def wake(self) -> None:
        """Look for something to do, soon."""
        if not self._feeding and not self._closing:
            self._feeding = True
            self._loop.call_soon(self._feed)

    def _feed(self) -> None:
        self._feeding = False
        for one in list(self._works):
            one.look()
            if one.finished:
                self._works.remove(one)
        wait = self._pace.until - self._loop.time()
        if wait > 0:
            self._feeding = True
            self._loop.call_later(wait, self._feed)
            return
        for _ in range(FEED):
            if len(self._running) >= self._pace.limit or (work := self._next()) is None:
                return
            if (batch := work.take(self._chunksize)) is not None:
                self._start(batch)
        self.wake()

    def _next(self) -> Work | None:
        for _ in range(len(self._works)):
            work = self._works[0]
            self._works.rotate(-1)
            if work.ready:
                return work
        return None

    def _start(self, batch: Batch) -> None:
        task = self._loop.create_task(self._invoke(batch))
        self._running[task] = batch
        task.add_done_callback(self._on_end, context=self._context)

    def _ended(self, task: asyncio.Task[None]) -> None:
        batch = self._running.pop(task)
        if task.cancelled():
            batch.work.batch_over()
        elif (error := task.exception()) is not None:
            self._fail(batch, error)
        self.wake()

    # One request.

    async def _invoke(self, batch: Batch) -> None:
        try:
            if (seconds := self._seconds(batch)) is None:
                await self._converse(batch, None)
            else:
                async with asyncio.timeout(seconds) as limit:
                    await self._converse(batch, limit)
        except CallTimeout as error:  # the service's own limit
            self._fail(batch, error)
        except TimeoutError:
            self._lost(batch, batch.work.reader.timeout_error)
        except Throttled as error:
            self._pace.throttled(len(self._running), self._loop.time(), error.retry_after)
            self._again(batch)
        except ServiceUnavailable as error:
            self._away(batch, error)
        except WorkerLost as error:
            self._fail(batch, error)
        else:
            self._pace.fine()
            self._away_since = None
            batch.work.batch_over()

    def _seconds(self, batch: Batch) -> float | None:
        """Return how long the calls of a batch may take that have not ended."""
        timeout = batch.function.timeout
        return None if timeout is None else timeout * -(-batch.left // self._processes)

    async def _converse(self, batch: Batch, limit: asyncio.Timeout | None) -> None:
        """Book the outcomes of a batch; send the function again if the service has it not."""
        function = batch.function
        image = len(function.image.stream) <= INLINE_IMAGE and not batch.work.book.definitions
        if not await self._exchange(batch, limit, image=image):
            await self._exchange(batch, limit, image=True)
        if batch.left:
            raise WorkerLost("the reply ended before all calls had ended")

    async def _exchange(self, batch: Batch, limit: asyncio.Timeout | None, *, image: bool) -> bool:
        """Make a request, and book what comes; return whether the service knew the function."""
        body = packed(self._backend.key, batch, self._wanted, image=image)
        if self._stream is None or len(batch.blobs) == 1:
            return self._heard(batch, await self._backend.invoke(body))
        async with aclosing(self._stream(body)) as replies:
            async for reply in replies:
                if not self._heard(batch, reply):
                    return False
                if limit is not None and (seconds := self._seconds(batch)) is not None:
                    limit.reschedule(self._loop.time() + seconds)
        return True

    def _heard(self, batch: Batch, reply: Reply) -> bool:
        """Book a message of a reply; return whether the service knew the function."""
        content, buffers = invocation.unpack(self._backend.key, invocation.REPLY, reply.body)
        if content[0] == invocation.NEEDS_FUNCTION:
            return False
        if content[0] == invocation.REFUSED:
            raise IncompatibleRuntime(content[1])
        self._book(batch, content, buffers, reply)
        return True

    def _book(self, batch: Batch, content: Any, raw: list[memoryview], reply: Reply) -> None:
        outcomes = outcomes_of(content, raw, self._offset)
        self._workers[outcomes.worker] = None
        outcomes.cold = outcomes.cold or reply.init_seconds is not None
        outcomes.told = reply.told
        self._bill(batch, outcomes, reply.billed_seconds)
        for position in outcomes.positions:
            batch.finish(position)
        if outcomes.blobs:
            batch.work.outcomes(batch, outcomes)

    def _bill(self, batch: Batch, outcomes: Outcomes, said: float | None) -> None:
        """Book what an invocation costs, or a part of it that was told."""
        size, calls = self._backend.size, len(outcomes.positions)
        if said is not None:
            batch.work.bill(batch.indices, said, dollars(size, said))
        elif calls and size is not None and size.tariff is not None:
            part = dollars(size, seconds_of(outcomes.times), calls / len(batch.indices))
            batch.work.bill([batch.indices[place] for place in outcomes.positions], None, part)

    # What does not go well.

    def _again(self, batch: Batch) -> None:
        batch.work.give_back(batch, list(batch.unfinished()))
        batch.work.batch_over()

    def _away(self, batch: Batch, error: ServiceUnavailable) -> None:
        """Nothing was run: ask again later, but not for ever."""
        now = self._loop.time()
        if self._away_since is None:
            self._away_since = now
        if now - self._away_since > self._backend.patience:
            self._lost(batch, lambda _: error)
            return
        self._pace.throttled(len(self._running), now, error.retry_after)
        self._again(batch)

    def _lost(self, batch: Batch, error: Callable[[int], Exception]) -> None:
        for position in list(batch.unfinished()):
            batch.finish(position)
            batch.work.lost(batch, position, error(batch.indices[position]), "", None)
        batch.work.batch_over()

    def _fail(self, batch: Batch, error: BaseException) -> None:
        """A request failed for a reason that no other one would escape."""
        if not isinstance(error, GreenlithopsError):
            failure = WorkerLost(f"the request failed: {type(error).__name__}: {error}")
            failure.__cause__ = error
            error = failure
        self._lost(batch, lambda _: error)

    # Stopping.

    def stop_calls(self, cancelled: Callable[[Batch, int], bool]) -> None:
        """Drop the requests all of whose calls were cancelled."""
        for task, batch in list(self._running.items()):
            if all(cancelled(batch, position) for position in batch.unfinished()):
                task.cancel()

    async def close(self, *, kill: bool) -> None:  # noqa: ARG002 - as a dispatcher's
        """End: there is nothing under way, or it is dropped."""
        self._closing = True
        tasks = list(self._running)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
