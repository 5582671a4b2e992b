"""The book of a job's calls: columns instead of objects, so that a million calls fit."""

from __future__ import annotations

import time
from array import array
from typing import TYPE_CHECKING, Any

from greenlithops.models import CallState, CallStats, JobStats, Progress
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from collections.abc import Sequence

WAITING, SENT, DONE, FAILED, CANCELLED = (state.value for state in CallState)
_NO_TIMES = array("q", [0] * FIELDS)  # as `greenlithops.worker.calls.Times` has them


def clock_offset() -> float:
    """Return the seconds to add to the monotonic clock to get the time of day."""
    return time.time() - time.monotonic()


class Ledger:
    """States, results and measures of calls by index.

    Calls are opened in order and closed in any order. Where results are consumed in order and
    not kept, `forget` drops the oldest rows; indices stay what they are.
    """

    def __init__(self) -> None:
        self.base = 0
        self.size = 0
        self.order = array("q")  #: indices in the order in which the calls ended
        self.order_base = 0  #: how many of them were dropped from the front
        self.ahead: set[int] = set()  #: calls that were cancelled before they were opened
        self.counts = [0, 0, 0, 0, 0]
        self.retried = 0
        self.attempts: dict[int, int] = {}
        self.cold: set[int] = set()
        self.logs: dict[int, str] = {}
        self.billed: dict[int, tuple[float | None, float | None]] = {}  #: seconds and dollars
        self.workers: list[str] = []
        self._offset = clock_offset()
        self._states = bytearray()
        self._values: list[Any] = []
        self._queued = array("q")
        self._times = array("q")
        self._bytes_in = array("q")
        self._bytes_out = array("q")
        self._worker = array("i")
        self._sums = [0, 0, 0, 0, 0]  # wall, CPU, bytes in, bytes out, peak
        self._first_queued: int | None = None
        self._last_end = 0

    def open(self, bytes_in: Sequence[int]) -> range:
        """Open calls that are about to be sent; return their indices."""
        count = len(bytes_in)
        first = self.size
        now = time.monotonic_ns()
        if self._first_queued is None:
            self._first_queued = now
        self.size += count
        self._states.extend(bytes([SENT]) * count)
        self._values.extend([None] * count)
        self._queued.extend(array("q", [now]) * count)
        self._times.frombytes(bytes(8 * FIELDS * count))
        self._bytes_in.extend(bytes_in)
        self._bytes_out.frombytes(bytes(8 * count))
        self._worker.extend(array("i", [-1]) * count)
        self.counts[SENT] += count
        return range(first, self.size)

    def open_one(self, bytes_in: int) -> int:
        """Open one call that waits; return its index."""
        index = self.size
        now = time.monotonic_ns()
        if self._first_queued is None:
            self._first_queued = now
        self.size = index + 1
        self._states.append(WAITING)
        self._values.append(None)
        self._queued.append(now)
        self._times.extend(_NO_TIMES)
        self._bytes_in.append(bytes_in)
        self._bytes_out.append(0)
        self._worker.append(-1)
        self.counts[WAITING] += 1
        return index

    def state(self, index: int) -> int:
        """Return the state of a call as a number of `CallState`."""
        row = index - self.base
        if row < 0:
            return DONE
        if row < len(self._states):
            return self._states[row]
        return CANCELLED if index in self.ahead else WAITING

    def value(self, index: int) -> Any:
        """Return the result or the exception of a call that has ended."""
        return self._values[index - self.base]

    def take(self, index: int) -> Any:
        """Return the value of a call, and keep it no longer."""
        row = index - self.base
        value, self._values[row] = self._values[row], None
        return value

    def move(self, index: int, state: int) -> None:
        """Put a call into another state, without an outcome."""
        row = index - self.base
        self.counts[self._states[row]] -= 1
        self.counts[state] += 1
        self._states[row] = state

    def worker_number(self, worker: str) -> int:
        """Return the number under which a worker is booked."""
        if worker not in self.workers:
            self.workers.append(worker)
        return self.workers.index(worker)

    def close_run(
        self, first: int, values: list[Any], times: array[int], sizes: list[int], worker: int
    ) -> None:
        """Book results of neighbouring calls that came together: the fast way."""
        count = len(values)
        row = first - self.base
        stop = row + count
        if self._states.count(SENT, row, stop) != count:
            for i, value in enumerate(values):
                part = times[FIELDS * i : FIELDS * (i + 1)]
                self.close(first + i, DONE, value, part, sizes[i], worker)
            return
        self._states[row:stop] = bytes([DONE]) * count
        self._values[row:stop] = values
        self._times[FIELDS * row : FIELDS * stop] = times
        self._bytes_out[row:stop] = array("q", sizes)
        self._worker[row:stop] = array("i", [worker]) * count
        self.order.extend(range(first, first + count))
        self.counts[SENT] -= count
        self.counts[DONE] += count
        self._add(times, sum(self._bytes_in[row:stop]), sum(sizes))

    def close(  # noqa: PLR0917 - once for every call, and keywords cost
        self, index: int, state: int, value: Any, times: array[int] | None, size: int, worker: int
    ) -> None:
        """Book how one call ended."""
        row = index - self.base
        self.ahead.discard(index)
        self.move(index, state)
        self._values[row] = value
        if times is not None:
            self._times[FIELDS * row : FIELDS * (row + 1)] = times
            self._add(times, self._bytes_in[row], size)
        self._bytes_out[row] = size
        self._worker[row] = worker
        self.order.append(index)

    def measure(self, index: int, times: array[int], worker: int) -> None:
        """Book what a call took whose end was booked before it had stopped: a cancelled one."""
        row = index - self.base
        if 0 <= row < len(self._states) and self._worker[row] < 0:
            self._times[FIELDS * row : FIELDS * (row + 1)] = times
            self._worker[row] = worker
            self._add(times, 0, 0)

    def spend(self, times: array[int]) -> None:
        """Book what a run took after which the call runs again."""
        self._add(times, 0, 0)

    def _add(self, times: array[int], bytes_in: int, bytes_out: int) -> None:
        sums = self._sums
        sums[0] += sum(times[1::FIELDS])
        sums[1] += sum(times[2::FIELDS])
        sums[2] += bytes_in
        sums[3] += bytes_out
        highest = max(times[5::FIELDS])
        sums[4] = max(sums[4], highest)
        self._last_end = max(self._last_end, times[-FIELDS] + times[1 - FIELDS])

    @property
    def bytes_out(self) -> int:
        """The size of all results so far."""
        return self._sums[3]

    def size_out(self, index: int) -> int:
        """The size of one result."""
        return self._bytes_out[index - self.base]

    def values(self) -> list[Any]:
        """Return the results and exceptions of all calls that are kept, in order."""
        return list(self._values)

    def forget(self, count: int) -> int:
        """Drop the `count` oldest calls, which must have ended; return their results' size."""
        size = sum(self._bytes_out[:count])
        del self._states[:count]
        del self._values[:count]
        del self._queued[:count]
        del self._times[: FIELDS * count]
        del self._bytes_in[:count]
        del self._bytes_out[:count]
        del self._worker[:count]
        self.base += count
        for book in (self.attempts, self.logs, self.billed):
            for index in [i for i in book if i < self.base]:
                del book[index]
        old = next((n for n, i in enumerate(self.order) if i >= self.base), len(self.order))
        del self.order[:old]
        self.order_base += old
        return size

    def stats(self, index: int) -> CallStats | None:
        """Return what a call took, or None if it never ran to an outcome."""
        row = index - self.base
        if row < 0 or row >= len(self._states) or self._worker[row] < 0:
            return None
        fields = self._times[FIELDS * row : FIELDS * (row + 1)]
        start, wall, cpu, system, serialization, peak, before, resident, virtual, own = fields
        billed, usd = self.billed.get(index, (None, None))
        return CallStats(
            queued=self._queued[row] / 1e9 + self._offset,
            start=start / 1e9 + self._offset,
            end=(start + wall) / 1e9 + self._offset,
            wall_seconds=wall / 1e9,
            cpu_seconds=cpu / 1e9,
            cpu_user_seconds=(cpu - system) / 1e9,
            cpu_system_seconds=system / 1e9,
            serialization_seconds=serialization / 1e9,
            peak_memory_bytes=peak or None,
            peak_memory_bytes_before=before or None,
            resident_bytes=resident or None,
            virtual_bytes=virtual or None,
            unshared_bytes=own or None,
            bytes_in=self._bytes_in[row],
            bytes_out=self._bytes_out[row],
            worker=self.workers[self._worker[row]],
            attempt=self.attempts.get(index, 1),
            cold_start=index in self.cold,
            billed_seconds=billed,
            usd=usd,
        )

    def job_stats(self) -> JobStats:
        """Return the sums over all calls that have ended."""
        wall, cpu, bytes_in, bytes_out, peak = self._sums
        first = self._first_queued
        span = (self._last_end - first) / 1e9 if first is not None and self._last_end else 0.0
        return JobStats(
            calls=self.counts[DONE] + self.counts[FAILED],
            failed=self.counts[FAILED],
            retried=self.retried,
            wall_seconds=max(0.0, span),
            call_seconds=wall / 1e9,
            cpu_seconds=cpu / 1e9,
            peak_memory_bytes=peak,
            bytes_in=bytes_in,
            bytes_out=bytes_out,
            workers=len(self.workers),
        )

    def progress(self, total: int | None) -> Progress:
        """Return the counts; `total` is what the input will give, if that is known."""
        waiting, sent, done, failed, cancelled = self.counts
        if total is not None:
            waiting += max(0, total - self.size)
        return Progress(total, waiting, sent, done, failed, cancelled, self.retried)
