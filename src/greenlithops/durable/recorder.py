"""Writes down what a job needs to go on: a moment later, in segments, as long as it may."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.ledger import clock_offset
from greenlithops.durable.records import Arguments, Ended, done_name, encode, end_name, input_name
from greenlithops.errors import JobTaken
from greenlithops.offload import to_the_end
from greenlithops.worker import outbox

if TYPE_CHECKING:
    from array import array

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.dispatch.work import Work
    from greenlithops.durable.lease import Lease
    from greenlithops.durable.telling import Telling
    from greenlithops.durable.vault import Vault

FLUSH_SECONDS = 0.2
SEGMENT_BYTES = 4 << 20


class Recorder:
    """Records one job.

    Args:
        vault: where to.
        lease: the right to do so.
        work: the job.
        telling: tells who follows it that there is something new.
    """

    def __init__(self, vault: Vault, lease: Lease, work: Work, telling: Telling) -> None:
        self._vault = vault
        self._telling = telling
        self._lease = lease
        self._work = work
        self._offset = round(clock_offset() * 1e9)
        self._arguments: list[Arguments] = []
        self._ended: list[Ended] = []
        self._known: set[bytes] = set()
        self._inputs = self._segments = 0
        self._bytes = 0
        self._total: int | None = None
        self._full = asyncio.Event()

    # What the job tells.

    def took(self, index: int, blob: bytes, raw: list[Any]) -> None:
        """A call has its arguments."""
        self._arguments.append(Arguments(index, blob, [bytes(buffer) for buffer in raw]))
        self._grow(len(blob) + sum(map(len, raw)))

    def ended(
        self, index: int, status: int, blob: bytes, raw: list[Any], times: array[int] | None
    ) -> None:
        """A call has ended."""
        ledger = self._work.ledger
        start = times[0] + self._offset if times else 0
        stats = ledger.stats(index)
        self._ended.append(
            Ended(
                index,
                status,
                blob,
                [bytes(buffer) for buffer in raw],
                start,
                tuple(times[1:]) if times else (),
                stats.worker if stats else "",
                ledger.attempts.get(index, 1),
                ledger.logs.get(index, ""),
            )
        )
        self._grow(len(blob) + sum(map(len, raw)))

    def input_ended(self, total: int) -> None:
        """There are no more calls than these."""
        self._total = total
        self._full.set()

    def _grow(self, more: int) -> None:
        self._bytes += more + 100
        if self._bytes > SEGMENT_BYTES:
            self._full.set()

    # What is done with it.

    async def run(self, tracker: Tracker) -> None:
        """Write until the job is over and everything is written.

        Raises:
            JobTaken: another process runs the job by now.
            StorageError: the storage does not take it.
        """
        over = asyncio.ensure_future(tracker.until_over())
        over.add_done_callback(lambda _: self._full.set())
        renewed = tracker.loop.time()
        try:
            while not over.done() or self._pending:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(FLUSH_SECONDS):
                        await self._full.wait()
                self._full.clear()
                if tracker.loop.time() - renewed > self._lease.seconds / 4:
                    renewed = tracker.loop.time()
                    if not await self._lease.renew():
                        raise JobTaken(f"another process runs the job {self._vault.job} by now")
                await to_the_end(self._flush())
                if over.done():
                    self._full.set()
        except asyncio.CancelledError:
            # The program ends before the job, or just after it: whoever goes on with the job must
            # not run again what has ended here, and run what has not.
            self._ended = [one for one in self._ended if one.status != outbox.CANCELLED]
            await self._flush()
            await self._lease.release()
            raise
        else:
            await self._lease.release()
        finally:
            over.cancel()
            self._telling.tell()  # that it is over, or that nobody runs it any more
            await to_the_end(self._telling.end())

    @property
    def _pending(self) -> bool:
        return bool(self._arguments or self._ended or self._total is not None)

    async def _flush(self) -> None:
        vault = self._vault
        arguments, self._arguments = self._arguments, []
        ended, self._ended = self._ended, []
        total, self._total = self._total, None
        self._bytes = 0
        if arguments:
            book = self._work.book.definitions
            classes = {name: _plain(book[name]) for name in book.keys() - self._known}
            self._known |= classes.keys()
            name = input_name(vault.job, self._inputs)
            self._inputs += 1
            await vault.write(name, encode([classes, arguments]))
        if ended:
            name = done_name(vault.job, self._lease.epoch, self._segments)
            self._segments += 1
            await vault.write(name, encode(ended))
        if total is not None:
            await vault.write(end_name(vault.job), encode(total))
        if arguments or ended or total is not None:
            self._telling.tell()


def _plain(stream: Any) -> tuple[bytes, list[bytes]]:
    return bytes(stream[0]), [bytes(buffer) for buffer in stream[1]]
