"""Follows a durable job that another process runs, and goes on with it when that died."""

from __future__ import annotations

from array import array
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.ledger import clock_offset
from greenlithops.durable.recorder import Recorder
from greenlithops.durable.records import (
    counted,
    decode_done,
    decode_input,
    decode_plain,
    encode,
    end_name,
    epoch_name,
)
from greenlithops.durable.telling import Telling
from greenlithops.errors import GreenlithopsError, NoSuchKey
from greenlithops.monitoring.news import news_of
from greenlithops.worker.classes import announce

if TYPE_CHECKING:
    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.durable.lease import Lease
    from greenlithops.durable.records import Ended, Stream
    from greenlithops.durable.vault import Vault
    from greenlithops.monitoring.news import News
    from greenlithops.monitoring.shared import SharedChannel
    from greenlithops.worker.pickling import Payload

SHORTEST_LOOK, LONGEST_LOOK = 0.1, 2.0  #: seconds between two looks at somebody else's progress
LISTENING_LOOK = 5.0  #: the same where a push channel tells of progress: the owner may have died


class Follower:
    """Keeps a job up to date with what its owner records, and takes it over when that died."""

    def __init__(
        self, tracker: Tracker, vault: Vault, lease: Lease, channel: SharedChannel
    ) -> None:
        self._tracker = tracker
        self._channel = channel
        self._vault = vault
        self._lease = lease
        self._inputs: list[str] = []
        self._read: set[str] = set()
        self._waiting: dict[int, tuple[bytes, list[bytes]]] = {}
        self._offset = round(clock_offset() * 1e9)
        self._total: int | None = None

    async def run(self) -> None:
        """Follow until the job is over."""
        try:
            async with news_of(await self._channel.get(), self._vault.job) as news:
                if await self._over_or_free(news):
                    return
            await self._take_over()
        except* GreenlithopsError as errors:
            self._tracker.work.fail_all(first(errors))

    async def _over_or_free(self, news: News) -> bool:
        """Follow until the job is over (True), or nobody runs it any more (False)."""
        pause, told = SHORTEST_LOOK, False
        while not self._tracker.over:
            # Who tells of news lives.
            if not told and await self._lease.acquire():
                return False
            pause = SHORTEST_LOOK if await self.look() else min(LONGEST_LOOK, pause * 1.5)
            told = await news.wait(LISTENING_LOOK if news.listening else pause)
        return True

    async def look(self) -> bool:
        """Take note of what is new; return whether there was anything."""
        vault = self._vault
        new = await vault.names("input", self._inputs[-1] if self._inputs else "")
        for body in await vault.read_all(new):
            classes, entries = decode_input(body)
            self._tracker.work.book.definitions.update(payloads(classes))
            for entry in entries:
                self._waiting[entry.index] = (entry.blob, entry.buffers)
        self._inputs += new
        done = [name for name in await self._counting() if name not in self._read]
        records = await vault.read_all(done)
        self._read.update(done)
        self._book([ended for body in records for ended in decode_done(body)])
        if self._total is None:
            try:
                self._total = decode_plain(await vault.read(end_name(vault.job)))
                self._tracker.work.input.total = self._total
            except NoSuchKey:
                return bool(new or done)
        self._end_input()
        return bool(new or done)

    async def _counting(self) -> list[str]:
        done = await self._vault.names("done")
        epochs = await self._vault.names("epochs")
        if not epochs:
            return done
        adopted = decode_plain(await self._vault.read(epochs[-1]))
        return counted(done, int(epochs[-1].rsplit("/", 1)[1]), adopted)

    def _book(self, records: list[Ended]) -> None:
        work = self._tracker.work
        self._open()
        ended = []
        for record in records:
            times = None
            if record.times:
                times = array("q", [record.start - self._offset, *record.times])
            work.ledger.attempts[record.index] = record.attempts
            if record.logs:
                work.ledger.logs[record.index] = record.logs
            work.replay(
                record.index,
                record.status,
                record.blob,
                record.buffers,
                times=times,
                worker=record.worker,
            )
            ended.append(record.index)
        self._tracker.calls_ended(ended)

    def _open(self) -> None:
        """Open the calls whose arguments are known, in order."""
        work = self._tracker.work
        for index in sorted(self._waiting):
            blob, buffers = self._waiting.pop(index)
            work.push_again(index, blob, list(buffers))

    def _end_input(self) -> None:
        if self._total == self._tracker.work.ledger.size and not self._tracker.work.input.ended:
            self._tracker.work.input.end()
            self._tracker.calls_ended([])

    async def _take_over(self) -> None:
        """Go on with the job: run what has no outcome yet."""
        await self.look()
        vault, tracker = self._vault, self._tracker
        name = epoch_name(vault.job, self._lease.epoch)
        await vault.write(name, encode(sorted(self._read)))
        telling = Telling(self._channel, vault.job)
        recorder = Recorder(vault, self._lease, tracker.work, telling)
        tracker.work.recorder = recorder
        tracker.work.held = False
        tracker.work.wake()
        if self._total is None:
            # What the client had not taken of its input died with it.
            recorder.input_ended(tracker.work.ledger.size)
            tracker.work.input.end()
            tracker.calls_ended([])
        await recorder.run(tracker)


def payloads(classes: dict[bytes, Stream]) -> dict[bytes, Payload]:
    """Make classes known, so that results that name them can be read; return them as sent."""
    for digest, (stream, buffers) in classes.items():
        announce(digest, stream, list(buffers))
    return {
        digest: (stream, [memoryview(buffer) for buffer in buffers])
        for digest, (stream, buffers) in classes.items()
    }


def first(errors: BaseExceptionGroup[Any]) -> Any:
    """Return the first error of a group, however deep."""
    error: Any = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
