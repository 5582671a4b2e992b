"""Who runs the calls of a job: one at a time, known by an object that is renewed in time.

Clocks of different machines are not compared: a lease has run out when it has not changed for
its duration by the clock of who looks at it, or when its holder was a process of this machine
that is gone.
"""

from __future__ import annotations

import json
import os
import platform
import time
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import psutil

from greenlithops.durable.records import lease_name
from greenlithops.errors import NoSuchKey, PreconditionFailed
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.storage.async_storage import AsyncStorage

SECONDS = 15.0  #: that a lease holds without being renewed


@dataclass(frozen=True, slots=True)
class Holder:
    """The process that has a lease."""

    epoch: int
    host: str
    pid: int
    started: float
    beat: int

    @classmethod
    def of_this_process(cls, epoch: int) -> Holder:
        """Return this process as the holder of an epoch."""
        return cls(epoch, _host(), os.getpid(), psutil.Process().create_time(), 0)

    def gone(self) -> bool:
        """Return whether it gave the lease back, or was a process here that has ended."""
        if self.beat < 0:
            return True
        if self.host != _host():
            return False
        try:
            process = psutil.Process(self.pid)
            return abs(process.create_time() - self.started) > 1 or (
                process.status() == psutil.STATUS_ZOMBIE
            )
        except psutil.NoSuchProcess:
            return True


class Lease:
    """The right to run the calls of a job.

    Args:
        storage: where the job is.
        bucket: the bucket there.
        job: the job's id.
        seconds: how long it holds without being renewed; by default `SECONDS`.
    """

    def __init__(
        self, storage: AsyncStorage, bucket: str, job: str, seconds: float | None = None
    ) -> None:
        self.seconds = SECONDS if seconds is None else seconds
        self.epoch = 0
        self._storage = storage
        self._place = (bucket, lease_name(job))
        self._etag: str | None = None
        self._holder: Holder | None = None
        self._seen: tuple[str, float] | None = None

    async def acquire(self) -> bool:
        """Take the lease if nobody has it any more; return whether it is ours now."""
        try:
            info = await self._storage.head(*self._place)
            text = await self._storage.get(*self._place, if_match=info.etag)
        except NoSuchKey:
            return await self._write(await off_loop(Holder.of_this_process, 1), None)
        except PreconditionFailed:
            return False  # it is being renewed
        other = Holder(**json.loads(text))
        if self._seen is None or self._seen[0] != info.etag:
            self._seen = (info.etag, time.monotonic())
        waited = time.monotonic() - self._seen[1] >= self.seconds
        if not waited and not await off_loop(other.gone):
            return False
        mine = await off_loop(Holder.of_this_process, other.epoch + 1)
        return await self._write(mine, info.etag)

    async def renew(self) -> bool:
        """Hold the lease for longer; return False if it is somebody else's by now."""
        holder = self._holder
        if holder is None:
            return False
        fields = asdict(holder)
        return await self._write(Holder(**{**fields, "beat": holder.beat + 1}), self._etag)

    async def release(self) -> None:
        """Let it run out at once; the epoch stays, so that the next one is another."""
        if self._holder is not None:
            await self._write(Holder(self._holder.epoch, "", 0, 0.0, -1), self._etag)
            self._holder = None

    async def _write(self, holder: Holder, etag: str | None) -> bool:
        body = json.dumps(asdict(holder))
        try:
            info = await self._storage.put(
                *self._place, body, if_absent=etag is None, if_match=etag
            )
        except (PreconditionFailed, NoSuchKey):
            self._holder = None
            return False
        self._etag, self._holder, self.epoch = info.etag, holder, holder.epoch
        return True


def _host() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:  # noqa: PTH123 - a line
            return file.read().strip()
    except OSError:
        return platform.node()
