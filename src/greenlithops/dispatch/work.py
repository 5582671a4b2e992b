"""The engine's half of a job: takes calls from the input, books outcomes, tries again."""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.dispatch.batch import Batch, Outcomes, RemoteFunction
from greenlithops.dispatch.intake import Entry, Intake
from greenlithops.dispatch.ledger import CANCELLED, FAILED, SENT, WAITING, Ledger
from greenlithops.dispatch.metering import Metering
from greenlithops.dispatch.reading import Reader, read_all
from greenlithops.dispatch.retries import Retries
from greenlithops.errors import GreenlithopsError, UsageError
from greenlithops.worker import outbox
from greenlithops.worker.errors import pack_error
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from array import array
    from collections.abc import Callable, Sequence

    from greenlithops.dispatch.inputs import Input
    from greenlithops.dispatch.plan import Binder
    from greenlithops.dispatch.retry import RetryPolicy
    from greenlithops.dispatch.serialize import ClassBook
    from greenlithops.energy.service import ServiceWindow
    from greenlithops.energy.window import EnergyWindow

    #: what a call took, as in the ledger; None if it never ran
    Times = array[int] | None


class Listener(Protocol):
    """Who is told how the calls go."""

    def calls_ended(self, indices: range | list[int]) -> None:
        """Calls have ended, however they did."""

    def call_retried(self, index: int, error: BaseException) -> None:
        """A call failed and will run again."""

    def call_printed(self, index: int, text: str) -> None:
        """A running call has printed something."""


class Recorder(Protocol):
    """Who writes down what a durable job needs to go on."""

    def took(self, index: int, blob: bytes, raw: list[Any]) -> None:
        """A call has its arguments."""

    def ended(self, index: int, status: int, blob: bytes, raw: list[Any], times: Times) -> None:
        """A call has ended, with a worker's outcome or one that stands for it."""


class Work:
    """The calls of one job, between its input and its outcomes."""

    def __init__(
        self,
        function: RemoteFunction,
        source: Input,
        bind: Binder,
        policy: RetryPolicy,
        listener: Listener,
        *,
        book: ClassBook,
        energy: EnergyWindow | ServiceWindow | None = None,
        max_memory: int | None = None,
    ) -> None:
        self.function = function
        self.name = function.image.name
        self.input = source
        self.ledger = Ledger()
        self.listener = listener
        self.metering = Metering(energy)
        self.reader = Reader(function, max_memory)
        self.retries = Retries(policy, self.ledger)
        #: how many more results the consumer has room for
        self.room: Callable[[], int] = _unlimited
        self.wake: Callable[[], None] = lambda: None  #: tells the dispatcher of new work
        self.book = book
        self._intake = Intake(source, bind, self.name, book, max_memory)
        self._returned: collections.deque[Entry] = collections.deque()
        self.recorder: Recorder | None = None
        self.held = False  #: whether the calls are run elsewhere
        self.out = 0  #: batches that workers have
        self.on_quiet: Callable[[], object] = lambda: None  #: told when no worker has any
        self.stopped: GreenlithopsError | None = None  #: why something has not been sent
        self._refusal: GreenlithopsError | None = None  #: why nothing more shall be sent

    @property
    def energy(self) -> EnergyWindow | ServiceWindow | None:
        """What meters the calls; None: energy is off."""
        return self.metering.window

    @property
    def ready(self) -> bool:
        """Whether a call can be handed out now."""
        if self.held:
            return False
        if self._returned:
            return True
        if self.room() <= 0:
            return False
        return self.input.ready

    @property
    def remaining(self) -> int | None:
        """How many calls can still be handed out, or None if that is unknown."""
        if self.input.total is None:
            known = self.input.ended or not self.input.lazy
            return len(self._returned) + len(self.input.queue) if known else None
        return max(0, self.input.total - self.ledger.size) + len(self._returned)

    @property
    def finished(self) -> bool:
        """Whether every call has ended and no more will come."""
        return self.input.ended and self.idle

    @property
    def idle(self) -> bool:
        """Whether no call is waiting or under way."""
        counts = self.ledger.counts
        return not self.input.queue and not counts[SENT] + counts[WAITING]

    def accepting(self, most: int) -> bool:
        """Whether a job of submitted calls takes one more, with room for `most` altogether."""
        return not self.input.ended and self.ledger.size < most

    def take(self, limit: int) -> Batch | None:
        """Return up to `limit` calls to be sent; fewer, if making them takes long."""
        if self.held:
            return None
        batch = self._take_returned(limit)
        if batch is None and self.input.ready:
            batch = self._take_new(min(limit, self.room()))
        if batch is not None:
            self.out += 1
        return batch

    def _take_returned(self, limit: int) -> Batch | None:
        entries: list[Entry] = []
        while self._returned and len(entries) < limit:
            entry = self._returned.popleft()
            if self.ledger.state(entry[0]) == WAITING:
                self.ledger.move(entry[0], SENT)
                entries.append(entry)
        if not entries:
            return None
        indices: list[int] | range = [index for index, _, _ in entries]
        if indices == list(run := range(indices[0], indices[0] + len(indices))):
            indices = run  # neighbours are booked together
        buffers = {place: raw for place, (_, _, raw) in enumerate(entries) if raw}
        return Batch(self, indices, [blob for _, blob, _ in entries], buffers)

    def batch_over(self) -> None:
        """Take note that a worker has nothing more to do with a batch."""
        self.out -= 1
        if not self.out:
            self.on_quiet()

    def _take_new(self, limit: int) -> Batch | None:
        ledger = self.ledger
        taken = self._intake.take(ledger.size, limit, ledger.ahead)
        ledger.open(taken.sizes)
        for number, failure in taken.failures.items():
            ledger.close(number, FAILED if failure else CANCELLED, failure, None, 0, -1)
        if taken.failures or self.input.ended:
            self.listener.calls_ended(list(taken.failures))
        return Batch(self, taken.indices, taken.blobs, taken.buffers) if taken.blobs else None

    def push(self, arguments: Any) -> int:
        """Add a call; return its index. What it is called with is what the arguments are now."""
        index = self.ledger.size
        try:
            blob, raw, size = self._intake.pack(arguments, index)
        except GreenlithopsError as error:
            self.ledger.close(self.ledger.open_one(0), FAILED, error, None, 0, -1)
            asyncio.get_running_loop().call_soon(self.listener.calls_ended, [index])
            return index
        # The caller may change an array before it is sent.
        raw = [buffer if buffer.readonly else bytearray(buffer) for buffer in raw]
        self._returned.append((self.ledger.open_one(size), blob, raw))
        if self.recorder is not None:
            self.recorder.took(index, blob, raw)
        self.wake()
        return index

    def push_again(self, index: int, blob: bytes, raw: list[Any]) -> None:
        """Add the next call as another process has packed it."""
        size = len(blob) + sum(map(len, raw))
        while self.ledger.size < index:  # one that could not be packed
            missing = UsageError(f"the arguments of call {self.ledger.size} could not be used")
            self.ledger.close(self.ledger.open_one(0), FAILED, missing, None, 0, -1)
        self._returned.append((self.ledger.open_one(size), blob, raw))

    def replay(
        self, index: int, status: int, blob: bytes, raw: list[Any], *, times: Times, worker: str
    ) -> None:
        """Book an outcome that another process had."""
        if self.ledger.state(index) not in (WAITING, SENT):
            return
        state, value = self.reader.read(status, blob, raw, index)
        number = self.ledger.worker_number(worker) if times is not None else -1
        size = len(blob) + sum(map(len, raw))
        self.ledger.close(index, state, value, times, size, number)

    def look(self) -> None:
        """Find out whether the input has anything at all."""
        waits = not self.input.ended and not self.input.ready and self.room() > 0
        if waits and not self.input.look():
            self.listener.calls_ended([])

    def outcomes(self, batch: Batch, outcomes: Outcomes) -> None:
        """Book outcomes of a batch of this job."""
        count = len(outcomes.blobs)
        positions = outcomes.positions
        self.metering.add(batch, outcomes)
        run = (
            isinstance(batch.indices, range)
            and outcomes.span()
            and outcomes.statuses.count(outbox.DONE) == count
            and not outcomes.buffers
            and not outcomes.logs
            and not outcomes.cold
        )
        if run and (values := read_all(outcomes.blobs)) is not None:
            first = batch.indices[positions[0]]
            worker = self.ledger.worker_number(outcomes.worker)
            sizes = list(map(len, outcomes.blobs))
            self.ledger.close_run(first, values, outcomes.times, sizes, worker)
            if self.recorder is not None:
                for place, blob in enumerate(outcomes.blobs):
                    times = outcomes.times[FIELDS * place : FIELDS * (place + 1)]
                    self.recorder.ended(first + place, outbox.DONE, blob, [], times)
            self.listener.calls_ended(range(first, first + count))
            return
        ended = [place for place in range(count) if self._outcome(batch, outcomes, place)]
        if ended:
            self.listener.calls_ended([batch.indices[positions[place]] for place in ended])

    def _outcome(self, batch: Batch, outcomes: Outcomes, place: int) -> bool:
        """Book one outcome; return whether the call has ended with it."""
        position = outcomes.positions[place]
        index = batch.indices[position]
        ledger = self.ledger
        worker = ledger.worker_number(outcomes.worker)
        if ledger.state(index) != SENT:  # it was cancelled meanwhile
            times = outcomes.times[FIELDS * place : FIELDS * (place + 1)]
            ledger.measure(index, times, worker)
            return False
        if outcomes.cold and not place:
            ledger.cold.add(index)
        if position in outcomes.logs:
            ledger.logs[index] = ledger.logs.get(index, "") + outcomes.logs[position]
        blob = outcomes.blobs[place]
        times = outcomes.times[FIELDS * place : FIELDS * (place + 1)]
        raw = outcomes.buffers.get(place, [])
        state, value = self.reader.read(outcomes.statuses[place], blob, raw, index)
        if state == FAILED and self.retry(batch, position, value):
            ledger.spend(times)
            return False
        ledger.close(index, state, value, times, len(blob) + sum(map(len, raw)), worker)
        if self.recorder is not None:
            self.recorder.ended(index, outcomes.statuses[place], blob, raw, times)
        return True

    def bill(self, indices: Sequence[int], seconds: float | None, usd: float | None) -> None:
        """Book what an invocation costs: an equal part for each of its calls.

        Args:
            indices: the calls.
            seconds: what the service says that it bills; None if it says nothing.
            usd: the dollars; None if they are not known.
        """
        book, calls = self.ledger.billed, len(indices)
        for index in indices:
            before = book.get(index, (0.0, 0.0))
            book[index] = (_more(before[0], seconds, calls), _more(before[1], usd, calls))

    def lost(
        self,
        batch: Batch,
        position: int,
        error: Exception,
        worker: str,
        times: array[int] | None,
        *,
        cold: bool = False,
    ) -> None:
        """Book a call that was running when its worker was lost or stopped.

        Args:
            batch: the batch that it came with.
            position: its place there.
            error: what becomes of it.
            worker: the worker's name.
            times: what it took until then, as in the ledger; None if that is not known.
            cold: whether it was the worker's first.
        """
        index, ledger = batch.indices[position], self.ledger
        number = -1 if times is None else ledger.worker_number(worker)
        if times is not None:
            self.metering.add_one(index, times)
        if ledger.state(index) == SENT and self.retry(batch, position, error):
            if times is not None:
                ledger.spend(times)
            return
        if cold:
            ledger.cold.add(index)
        if ledger.state(index) != SENT:
            if times is not None:
                ledger.measure(index, times, number)
        else:
            ledger.close(index, FAILED, error, times, 0, number)
            if self.recorder is not None:
                self.recorder.ended(index, outbox.RAISED, pack_error(error)[0], [], times)
            self.listener.calls_ended([index])

    def give_back(self, batch: Batch, positions: list[int]) -> None:
        """Take calls back that were not started, to be sent again."""
        if self._refusal is not None:
            self._withhold([batch.indices[position] for position in positions], self._refusal)
            return
        for position in reversed(positions):
            index = batch.indices[position]
            if self.ledger.state(index) == SENT:
                self.ledger.move(index, WAITING)
                entry = (index, batch.blobs[position], batch.buffers.get(position, []))
                self._returned.appendleft(entry)

    def retry(self, batch: Batch, position: int, error: Exception) -> bool:
        """Have a failed call run again, if the policy wants that; return whether it does."""
        index = batch.indices[position]
        if self._refusal is not None:
            self.stopped = self._refusal
            return False
        if not self.retries.wanted(index, error):
            return False
        self.ledger.move(index, WAITING)
        entry = (index, batch.blobs[position], batch.buffers.get(position, []))
        self.retries.delay(entry, self._come_back)
        self.listener.call_retried(index, error)
        return True

    def _come_back(self, entry: Entry) -> None:
        self._returned.append(entry)
        self.wake()

    def cancel(self, indices: range | list[int]) -> list[int]:
        """Book calls as cancelled that have not ended; return those that were."""
        ledger = self.ledger
        ended: list[int] = []
        for index in indices:
            if ledger.state(index) not in (WAITING, SENT):
                continue
            if index >= ledger.size:
                ledger.ahead.add(index)
            else:
                ledger.close(index, CANCELLED, None, None, 0, -1)
                if self.recorder is not None:
                    self.recorder.ended(index, outbox.CANCELLED, b"", [], None)
                self.retries.forget(index)
            ended.append(index)
        return ended

    def cancel_input(self) -> None:
        """Take nothing more from the input; book what it still had as cancelled."""
        for index in self._open_rest(None):
            self.ledger.close(index, CANCELLED, None, None, 0, -1)

    def stop(self, error: GreenlithopsError) -> None:
        """Send nothing more: what has not been sent fails with `error`, what runs may end."""
        if self._refusal is not None:
            return
        self._refusal = error
        ledger = self.ledger
        if self.input.total is None and not self.input.ended:
            self.stopped = error
        never = self._open_rest(error)
        self._returned.clear()
        waiting = [i for i in range(ledger.base, ledger.size) if ledger.state(i) == WAITING]
        self._withhold([*waiting, *never], error)

    def _open_rest(self, error: Exception | None) -> range:
        """End the input, and return the calls that it still had, which nothing was sent of."""
        source, ledger = self.input, self.ledger
        missing = len(source.queue) if source.total is None else source.total - ledger.size
        # Of an input without length, only its end can say why there is no more.
        source.end(error if source.total is None and not source.ended else None)
        source.queue.clear()
        return ledger.open([0] * max(0, missing))

    def _withhold(self, indices: list[int], error: GreenlithopsError) -> None:
        if indices:
            self.stopped = error
        for index in indices:
            self.ledger.close(index, FAILED, error, None, 0, -1)
            self.retries.forget(index)
        self.listener.calls_ended(indices)

    def fail_all(self, error: Exception) -> None:
        """End the job with an error: nothing can run it."""
        self._open_rest(error)
        self._returned.clear()
        ended = []
        for index in range(self.ledger.base, self.ledger.size):
            if self.ledger.state(index) in (WAITING, SENT):
                self.ledger.close(index, FAILED, error, None, 0, -1)
                ended.append(index)
        self.retries.forget_all()
        self.listener.calls_ended(ended)


def _unlimited() -> int:
    return 1 << 30


def _more(before: float | None, amount: float | None, parts: int) -> float | None:
    return None if before is None or amount is None else before + amount / parts
