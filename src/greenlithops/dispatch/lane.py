"""One worker as the dispatcher sees it: what it was given, what it knows, how it ended."""

from __future__ import annotations

import asyncio
import pickle
import time
from array import array
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.dispatch.batch import Batch, Outcomes, RemoteFunction
from greenlithops.dispatch.channel import Channel
from greenlithops.dispatch.losses import Ending, losses, reason
from greenlithops.dispatch.spent import Spending
from greenlithops.errors import WorkerLost
from greenlithops.worker import frames
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.cpu_time.trees import TreeSource
    from greenlithops.protocols import WorkerHandle
    from greenlithops.worker.journal import Journal

EXIT_GRACE = 1.0  #: seconds that a worker has to end by itself
CANCEL_GRACE = 0.1  #: seconds that a cancelled call has to end by itself
ASYNC_GRACE = 1.0  #: seconds that a coroutine has to react to its timeout or cancellation


class Owner(Protocol):
    """Who is told what becomes of a lane."""

    trees: TreeSource | None  #: counts what workers and their children use

    def lane_ready(self, lane: Lane) -> None:
        """The worker has started."""

    def lane_changed(self, lane: Lane) -> None:
        """The worker has room for more."""

    def lane_broken(self, error: bytes) -> None:
        """The worker's initializer has raised."""

    def lane_ended(self, lane: Lane) -> None:
        """The worker has ended; what it had was given back or failed."""


class Lane:
    """A worker with the batches that it has."""

    def __init__(self, name: str, owner: Owner) -> None:
        self.name = name
        self.ready = False
        self.closing = False
        self.ended = asyncio.get_running_loop().create_future()
        self.batches: dict[int, Batch] = {}
        self.load = 0  #: calls without an outcome
        self.taken = 0  #: calls ever given
        self.outcomes_seen = 0
        self.recalling = False
        self.exit_words = ""
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._known: set[int] = set()
        self._classes: set[bytes] = set()
        self._kill_reason: tuple[int, int, Exception] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._spending = Spending()
        self._handle: WorkerHandle | None = None
        self._channel: Channel | None = None

    def attach(self, handle: WorkerHandle, hello: dict[str, Any]) -> None:
        """Begin to speak with a worker that is being started."""
        self._handle = handle
        self._channel = Channel(handle.socket, self._on_frame, self._on_lost)
        self._send(frames.HELLO, hello)

    def _send(self, kind: int, message: Any, buffers: list[Any] | None = None) -> None:
        if self._channel is not None:
            self._channel.send(kind, message, buffers)

    # What the dispatcher asks for.

    def give(self, batch: Batch) -> None:
        """Send a batch, and its function if the worker does not know it."""
        function = batch.function
        if self._handle is not None:
            self._spending.follow(self._handle, self._owner.trees)
        for digest, (stream, buffers) in batch.work.book.definitions.items():
            if digest not in self._classes:
                self._classes.add(digest)
                self._send(frames.CLASS, (digest, stream), buffers)
        if function.number not in self._known:
            self._known.add(function.number)
            image = function.image
            message = (function.number, image.stream, function.wire_options)
            self._send(frames.FUNCTION, message, list(image.buffers))
        self.batches[batch.number] = batch
        self.load += batch.left
        self.taken += batch.left
        calls, raw = batch.wire()
        self._send(frames.CALLS, calls, raw)
        if function.timeout is not None:
            self._check_time_in(function.timeout)

    def knows(self, function: RemoteFunction) -> bool:
        """Return whether the worker has the function already."""
        return function.number in self._known

    def forget(self, function: RemoteFunction) -> None:
        """Let the worker forget a function that nobody uses any more."""
        if function.number in self._known:
            self._known.discard(function.number)
            self._send(frames.FORGET, function.number)

    def recall(self, wanted: int) -> None:
        """Ask for the last `wanted` calls back, as far as they have not been started."""
        if not self.recalling:
            self.recalling = True
            self._send(frames.RECALL, wanted)

    def stop_calls(self, cancelled: Callable[[Batch, int], bool]) -> None:
        """Stop calls that were cancelled: take back, cancel, and kill what does not end."""
        self._send(frames.RECALL, 1 << 30)
        for batch in self.batches.values():
            if batch.function.is_async:
                for position in batch.unfinished():
                    if cancelled(batch, position):
                        self._send(frames.CANCEL, (batch.number, position))
        self._loop.call_later(CANCEL_GRACE, self._kill_cancelled, cancelled)

    def _kill_cancelled(self, cancelled: Callable[[Batch, int], bool]) -> None:
        if (running := self._running()) and cancelled(running[0], running[1]):
            self.kill(*running[:2], WorkerLost("the call was cancelled"))
            return
        late = [
            (batch, position)
            for batch in self.batches.values()
            if batch.function.is_async
            for position in batch.unfinished()
            if cancelled(batch, position)
        ]
        if late:
            self._loop.call_later(ASYNC_GRACE, self._kill_late, late)

    def _kill_late(self, late: list[tuple[Batch, int]]) -> None:
        for batch, position in late:
            if batch.number in self.batches and not batch.finished[position]:
                self.kill(batch, position, WorkerLost("the call did not react to its cancellation"))
                return

    def close(self) -> None:
        """Let the worker end when it has done what it was given; make it, if it does not."""
        if self.closing:
            return
        if not self.ready and not self.load:
            self.kill_now()  # it has not begun, so there is nothing to end in good order
            return
        self.closing = True
        self._send(frames.EXIT, None)
        if not self.load:
            self._loop.call_later(EXIT_GRACE, self.kill_now)

    def kill_now(self) -> None:
        """Kill the worker with all that its calls have started."""
        self.closing = True
        if not self.ended.done() and self._handle is not None:
            if self.load:
                self._spending.look()
            self._handle.kill()

    def kill(self, batch: Batch, position: int, reason: Exception) -> None:
        """Kill the worker because of one call, which ends with `reason`."""
        if self._kill_reason is None:
            self._kill_reason = (batch.number, position, reason)
        self.kill_now()

    # Time.

    def _running(self) -> tuple[Batch, int, int] | None:
        found = self._handle.journal.running() if self._handle else None
        if found is None or found[0] not in self.batches:
            return None
        batch = self.batches[found[0]]
        return (batch, found[1], found[2]) if not batch.finished[found[1]] else None

    def running_seconds(self) -> float:
        """Return how long the synchronous call that runs has been running; 0.0 if none does."""
        running = self._running()
        return (time.monotonic_ns() - running[2]) / 1e9 if running else 0.0

    def _check_time_in(self, seconds: float) -> None:
        if self._timer is not None:
            if self._timer.when() <= self._loop.time() + seconds:
                return
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._check_time)

    def _check_time(self) -> None:
        """Kill the worker if its call runs for too long; else look again when it might."""
        self._timer = None
        limits = [b.function.timeout for b in self.batches.values() if b.function.timeout]
        if self.ended.done() or not limits:
            return
        wait = min(limits)
        if running := self._running():
            batch, position, start = running
            limit = batch.function.timeout
            if limit is not None:
                wait = limit - (time.monotonic_ns() - start) / 1e9
                if wait <= 0:
                    self.kill(
                        batch, position, batch.work.reader.timeout_error(batch.indices[position])
                    )
                    return
        elif late := self._late_coroutine():
            self.kill(*late, late[0].work.reader.timeout_error(late[0].indices[late[1]]))
            return
        self._check_time_in(max(wait, 0.001))

    def _late_coroutine(self) -> tuple[Batch, int] | None:
        # A coroutine's timeout is kept in the worker. This is for one that blocks its loop.
        now = time.monotonic()
        for batch in self.batches.values():
            limit = batch.function.timeout
            if batch.function.is_async and limit and now - batch.sent > limit + ASYNC_GRACE:
                return batch, next(batch.unfinished())
        return None

    # What the worker says.

    def _on_frame(self, kind: int, message: memoryview, raw: list[Any]) -> None:
        content = pickle.loads(message)
        if kind == frames.OUTCOMES:
            self._on_outcomes(content, raw)
        elif kind == frames.READY:
            self.ready = True
            if self._handle is not None:
                self._spending.ready(self._handle)
            self._owner.lane_ready(self)
        elif kind == frames.RETURNED:
            self._on_returned(content)
        elif kind == frames.LOGS:
            for number, position, text in content:
                if batch := self.batches.get(number):
                    batch.work.listener.call_printed(batch.indices[position], text)
        elif kind == frames.BROKEN:
            self._owner.lane_broken(content)

    def _on_outcomes(self, content: Any, raw: list[Any]) -> None:
        batch = self.batches.get(content[0])
        if batch is None:
            return
        self._book(batch, Outcomes.from_wire(content[1:], raw, self.name))
        self._owner.lane_changed(self)

    def _book(self, batch: Batch, outcomes: Outcomes) -> None:
        outcomes.cold = not self.outcomes_seen
        count = len(outcomes.blobs)
        if span := outcomes.span():
            batch.finish_span(span)
        else:
            for position in outcomes.positions:
                batch.finish(position)
        self.outcomes_seen += count
        self.load -= count
        times = outcomes.times
        self._spending.booked += sum(times[2::FIELDS])
        spent = sum(times[1::FIELDS]) + sum(times[4::FIELDS])
        batch.function.learn(spent / 1e9 / count + 5e-6, count)
        batch.work.outcomes(batch, outcomes)
        self._retire(batch)

    def _retire(self, batch: Batch) -> None:
        if not batch.left:
            del self.batches[batch.number]
            batch.work.batch_over()

    def _on_returned(self, content: list[tuple[int, int]]) -> None:
        self.recalling = False
        back: dict[int, list[int]] = {}
        for number, position in content:
            back.setdefault(number, []).append(position)
        for number, positions in back.items():
            batch = self.batches[number]
            positions.sort()
            for position in positions:
                batch.finish(position)
            self.load -= len(positions)
            self.taken -= len(positions)
            batch.work.give_back(batch, positions)
            self._retire(batch)
        self._owner.lane_changed(self)

    # How it ends.

    def _on_lost(self, _: str) -> None:
        # The process is of no use without its stream. What it was doing is settled when it ends.
        if self._handle is not None and not self.ended.done():
            self._handle.kill()

    def on_exit(self, status: int) -> None:
        """Settle what the worker had, after its process has ended."""
        handle, channel = self._handle, self._channel
        if handle is None or channel is None:
            return
        channel.drain_now()
        channel.close()
        running = handle.journal.running()
        self._spending.settle(handle)
        self._read_journal(handle.journal)
        if self._timer is not None:
            self._timer.cancel()
        batches, self.batches = list(self.batches.values()), {}
        words = handle.last_words() if batches or not self.ready else ""
        ending = Ending(self.name, self.ready, running, self._kill_reason, status, words)
        for batch in batches:
            self._settle(batch, ending)
            batch.work.batch_over()
        self.exit_words = words or f"worker {self.name} {reason(status)}"
        self.load = 0
        handle.close()
        # They refer to this lane too; without that cycle their memory goes at once.
        self._handle = self._channel = None
        self.ended.set_result(None)
        self._owner.lane_ended(self)

    def _read_journal(self, journal: Journal) -> None:
        """Book outcomes that the worker had no time to send."""
        for number, position, status, blob, times, log in journal.entries():
            batch = self.batches.get(number)
            if batch is None or batch.finished[position]:
                continue
            outcomes = Outcomes(
                array("I", [position]),
                bytes([status]),
                [blob],
                array("q", times),
                self.name,
                logs={position: log} if log else {},
            )
            self._book(batch, outcomes)

    def _settle(self, batch: Batch, ending: Ending) -> None:
        lost, back = losses(batch, ending)
        for position, error in lost.items():
            times = self._times_of_lost(batch, position, ending, len(lost))
            cold = times is not None and not self.outcomes_seen
            batch.work.lost(batch, position, error, self.name, times, cold=cold)
        batch.work.give_back(batch, back)

    def _times_of_lost(
        self, batch: Batch, position: int, ending: Ending, calls: int
    ) -> array[int] | None:
        if ending.running and ending.ran(batch, position) and self._handle is not None:
            return self._spending.of_running(ending.running[2], self._handle.journal.used())
        if batch.function.is_async and self.ready:
            return self._spending.of_rest(int(batch.sent * 1e9), calls)
        return None  # it had not begun
