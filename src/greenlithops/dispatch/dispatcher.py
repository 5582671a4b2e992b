"""Keeps workers fed: small calls in batches, slow ones one by one, and nobody idle at the end."""

from __future__ import annotations

import asyncio
import collections
import time
from typing import TYPE_CHECKING, Protocol

from greenlithops.dispatch.serialize import read_error
from greenlithops.errors import ExecutorError, InitializerFailed, WorkerLost
from greenlithops.worker.outbox import RAISED

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.batch import Batch, RemoteFunction
    from greenlithops.dispatch.lane import Lane, Owner
    from greenlithops.dispatch.work import Work
    from greenlithops.energy.cpu_time.trees import TreeSource

TARGET_SECONDS = 0.02  #: how much work a batch holds
MAX_BATCH = 500
PREFETCH_SECONDS = 0.1  #: calls shorter than this wait at the worker for their turn
RECALL_SECONDS = 0.002  #: less work than this is not worth moving to an idle worker
STUCK_SECONDS = 0.005  #: a call that runs longer than this holds up the quick ones behind it
FEED_SECONDS = 0.0005  #: how long the event loop may be held
MAX_BARREN = 3  #: workers in a row that end before they are ready


class Observer(Protocol):
    """Who is told of workers that come and go."""

    def worker_started(self, worker: str) -> None:
        """A worker has started."""

    def worker_ended(self, worker: str) -> None:
        """A worker has ended."""


class Dispatcher:
    """Gives the calls of many jobs to workers, fairly, and starts workers as they are needed."""

    def __init__(
        self,
        open_lane: Callable[[str, Owner], Lane],
        observer: Observer,
        *,
        max_workers: int,
        concurrency: int,
        max_calls: int | None,
    ) -> None:
        self._open_lane = open_lane
        self._observer = observer
        self._max_workers = max_workers
        self._concurrency = concurrency
        self._max_calls = max_calls or 1 << 60
        self._loop = asyncio.get_running_loop()
        self._lanes: list[Lane] = []
        self._works: collections.deque[Work] = collections.deque()
        self._feeding = False
        self._closing = False
        self._barren = 0
        self._opened = 0
        self.broken: Exception | None = None
        self.trees: TreeSource | None = None  #: counts what workers and their children use

    @property
    def workers(self) -> list[str]:
        """The names of the workers that there are."""
        return [lane.name for lane in self._lanes]

    def add(self, work: Work) -> None:
        """Take on the calls of a job."""
        if self.broken is not None:
            work.fail_all(self.broken)
            return
        work.wake = self.wake
        self._works.append(work)
        self.wake()

    def wake(self) -> None:
        """Look for something to do, soon."""
        if not self._feeding:
            self._feeding = True
            self._loop.call_soon(self._feed)

    def warm(self) -> None:
        """Start the first worker before there is anything for it to do."""
        if not self._lanes and self.broken is None:
            self._open()

    # Feeding.

    def _feed(self) -> None:
        self._feeding = False
        if self._closing:
            return
        stop = time.monotonic() + FEED_SECONDS
        for work in list(self._works):
            work.look()
            if work.finished:
                self._works.remove(work)
        refused = 0
        while (next_work := self._next_work()) is not None:
            lane = self._lane_for_more(next_work.function)
            if lane is None:
                refused += 1
                if refused >= len(self._works):
                    return
                continue
            refused = 0
            if (batch := next_work.take(self._batch_size(lane, next_work))) is not None:
                lane.give(batch)
            if time.monotonic() > stop:
                self.wake()
                return
        self._balance()

    def _next_work(self) -> Work | None:
        for _ in range(len(self._works)):
            work = self._works[0]
            self._works.rotate(-1)
            if work.ready:
                return work
        return None

    def _lane_for_more(self, function: RemoteFunction) -> Lane | None:
        """Return an idle worker, else a new one, else one that can do with more to come."""
        lanes = [lane for lane in self._lanes if self._has_room(lane, function)]
        best = min(lanes, key=lambda lane: (lane.load, not lane.ready), default=None)
        if best is not None and not best.load:
            return best
        return self._grow() or best

    def _has_room(self, lane: Lane, function: RemoteFunction) -> bool:
        if lane.closing or lane.taken >= self._max_calls:
            return False
        if not lane.load:
            return True
        if not lane.ready or lane.load >= 4 * MAX_BATCH:
            return False
        seconds = 0.0
        for batch in lane.batches.values():
            other = batch.function
            if other.is_async:
                # Variables belong to the process, so coroutines with others must wait.
                same = other.wire_options["environment"] == function.wire_options["environment"]
                return lane.load < self._concurrency and (same or not function.is_async)
            if batch.function.seconds is None:
                return False
            seconds += batch.left * batch.function.seconds
        return seconds < TARGET_SECONDS or (lane.load == 1 and seconds < PREFETCH_SECONDS)

    def _batch_size(self, lane: Lane, work: Work) -> int:
        allowance = self._max_calls - lane.taken
        remaining = work.remaining
        lanes = max(1, len(self._lanes))
        seconds = work.function.seconds
        if work.function.is_async:
            room = self._concurrency - lane.load
            if remaining is not None:
                room = min(room, -(-remaining // lanes))
            return max(1, min(room, allowance))
        if seconds is None:
            return 1
        size = min(MAX_BATCH, allowance, max(1, int(TARGET_SECONDS / seconds)))
        if remaining is not None:
            # Near the end, what is left is shared out, unless it is over before another one wakes.
            size = min(size, max(1, remaining // (2 * lanes), int(RECALL_SECONDS / seconds)))
        return size

    def _grow(self) -> Lane | None:
        """Start one more worker, if there may be more."""
        if len(self._lanes) >= self._max_workers or self._closing or self.broken is not None:
            return None
        return self._open()

    def _open(self) -> Lane | None:
        self._opened += 1
        try:
            lane = self._open_lane(f"w{self._opened}", self)
        except OSError as error:
            self._break(ExecutorError(f"a worker cannot be started: {error}"))
            return None
        self._lanes.append(lane)
        return lane

    def _balance(self) -> None:
        """Take calls back from a busy worker when another one has nothing to do."""
        if not any(lane.ready and not lane.load and not lane.closing for lane in self._lanes):
            return
        waiting = False
        for lane in sorted(self._lanes, key=lambda lane: -lane.load):
            functions = [batch.function for batch in lane.batches.values()]
            if lane.load < 2 or any(function.is_async for function in functions):  # noqa: PLR2004 - one runs
                continue
            seconds = max((function.seconds or 1.0) for function in functions)
            if lane.running_seconds() > STUCK_SECONDS:
                # It may never end, or wait for one of those behind it: they all must go.
                lane.recall(lane.load - 1)
                return
            if lane.load * seconds > RECALL_SECONDS:
                lane.recall(lane.load // 2)
                return
            waiting = True
        if waiting:
            self._loop.call_later(STUCK_SECONDS, self.wake)

    # What lanes tell.

    def lane_ready(self, lane: Lane) -> None:
        """A worker has started."""
        self._observer.worker_started(lane.name)
        self.wake()

    def lane_changed(self, lane: Lane) -> None:
        """A worker has given outcomes, or calls back."""
        self._barren = 0
        if lane.taken >= self._max_calls and not lane.load:
            lane.close()
        self.wake()

    def lane_broken(self, error: bytes) -> None:
        """A worker's initializer has raised: no other worker would do better."""
        cause = read_error(RAISED, error, "the initializer", 0)
        failure = InitializerFailed(f"the initializer raised {type(cause).__name__}: {cause}")
        failure.__cause__ = cause
        self._break(failure)

    def lane_ended(self, lane: Lane) -> None:
        """A worker has ended."""
        self._lanes.remove(lane)
        self._observer.worker_ended(lane.name)
        if not lane.ready and not lane.closing:
            self._barren += 1
            if self._barren >= MAX_BARREN:
                text = f"{self._barren} workers in a row ended before they were ready"
                self._break(WorkerLost(f"{text}: {lane.exit_words}"))
        if self._works:
            self.wake()

    def _break(self, error: Exception) -> None:
        self.broken = error
        works, self._works = list(self._works), collections.deque()
        for work in works:
            work.fail_all(error)
        for lane in self._lanes:
            lane.kill_now()

    # Stopping.

    def stop_calls(self, cancelled: Callable[[Batch, int], bool]) -> None:
        """Stop calls that were cancelled while workers have them."""
        for lane in self._lanes:
            if any(
                cancelled(batch, position)
                for batch in lane.batches.values()
                for position in batch.unfinished()
            ):
                lane.stop_calls(cancelled)

    def forget(self, function: RemoteFunction) -> None:
        """Let the workers forget a function."""
        for lane in self._lanes:
            lane.forget(function)

    async def close(self, *, kill: bool) -> None:
        """End all workers: gently when they are idle, at once with `kill`."""
        self._closing = True
        lanes = list(self._lanes)
        for lane in lanes:
            if kill or lane.load:
                lane.kill_now()
            else:
                lane.close()
        for lane in lanes:
            await asyncio.shield(lane.ended)
