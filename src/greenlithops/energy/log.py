"""The energy log: one JSON object a line, that many processes may append to at once.

A line is written whole, under a lock on the file, at its end as the kernel sees it, and readable by
its owner alone. What a killed writer has left unfinished stays one bad line: the next writer begins
a new one, and the reader names it.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.errors import EnergyLogUnreadable, UsageError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from greenlithops.energy.blocks import Measurement
    from greenlithops.energy.records import CallEnergy, EnergyReport
    from greenlithops.models import CallStats

VERSION = 1  #: of the lines' form

What = Literal["call", "job", "block", "command", "sample"]


@dataclass(frozen=True, slots=True)
class LogRecord:
    """One line of the log. Fields that mean nothing for what it is of are None.

    Attributes:
        what: ``call``, ``job``, ``block`` (of `greenlithops.energy.measure`), ``command`` or
            ``sample`` (a stretch of time of the whole machine).
        name: of the function, block or command.
        start: when it began, in seconds since the epoch.
        window_s: seconds by the clock.
        cpu_s: seconds of CPU time.
        joules: as in `CallEnergy`, like the others of the same names there.
        job: the job's id.
        index: the call's number in its job.
        worker: who ran it.
        attempt: 1 for the first run.
        ok: whether it ended well.
        calls: how many calls a job's figures are of.
        workers: how many workers took part.
        machine_joules: what the machine burned meanwhile, as in `EnergyReport`.
        other_joules: what everything else on it burned above idle.
    """

    what: What
    name: str
    start: float
    window_s: float
    cpu_s: float
    joules: float | None
    joules_low: float | None
    joules_high: float | None
    kind: str
    method: str
    scope: str
    coverage: float = 1.0
    domains: Mapping[str, float] = field(default_factory=dict)
    idle_joules: float | None = None
    machine_joules: float | None = None
    other_joules: float | None = None
    gco2e: float | None = None
    aggregate_only: bool = False
    reason: str | None = None
    job: str | None = None
    index: int | None = None
    worker: str | None = None
    attempt: int | None = None
    ok: bool | None = None
    calls: int | None = None
    workers: int | None = None

    @property
    def end(self) -> float:
        """When it ended, in seconds since the epoch."""
        return self.start + self.window_s

    def as_dict(self) -> dict[str, Any]:
        """Return what a line has, without what is None; unknown joules stay, as null."""
        found: dict[str, Any] = {"v": VERSION}
        moment = datetime.fromtimestamp(self.start, UTC).isoformat(timespec="milliseconds")
        found["time"] = moment.replace("+00:00", "Z")
        for name in _NAMES:
            value = getattr(self, name)
            if value is not None or name == "joules":
                found[name] = dict(value) if isinstance(value, Mapping) else value
        return found


_NAMES = tuple(each.name for each in fields(LogRecord))
_REQUIRED = {"what", "name", "start", "window_s", "cpu_s", "joules", "kind", "method", "scope"}


def record_of_call(
    energy: CallEnergy,
    *,
    name: str,
    start: float,
    job: str | None = None,
    index: int | None = None,
    stats: CallStats | None = None,
    ok: bool | None = None,
    what: What = "call",
) -> LogRecord:
    """Return the line of one call, block or command."""
    return LogRecord(
        what,
        name,
        start,
        energy.window_s,
        energy.cpu_s,
        energy.joules,
        energy.joules_low,
        energy.joules_high,
        energy.kind,
        energy.method,
        energy.scope,
        energy.coverage,
        dict(energy.domains),
        energy.idle_joules,
        gco2e=energy.gco2e,
        aggregate_only=energy.aggregate_only,
        reason=energy.reason,
        job=job,
        index=index,
        worker=stats.worker if stats else None,
        attempt=stats.attempt if stats else None,
        ok=ok,
    )


def record_of_report(
    report: EnergyReport,
    *,
    name: str,
    start: float,
    job: str | None = None,
    workers: int | None = None,
    ok: bool | None = None,
    what: What = "job",
) -> LogRecord:
    """Return the line of a job, or of anything else that has a report."""
    return LogRecord(
        what,
        name,
        start,
        report.window_s,
        report.cpu_s,
        report.joules,
        report.joules_low,
        report.joules_high,
        report.kind,
        report.method,
        report.scope,
        report.coverage,
        dict(report.domains),
        report.idle_joules,
        report.machine_joules,
        report.other_joules,
        report.gco2e,
        reason=report.reason,
        job=job,
        workers=workers,
        calls=report.calls,
        ok=ok,
    )


def record_of_block(block: Measurement) -> LogRecord:
    """Return the line of a block that has been left.

    Raises:
        UsageError: it has not been left.
    """
    report = block.report
    if report is None:
        raise UsageError("the block still runs: log it after it has been left")
    name = block.label or "block"
    return record_of_report(report, name=name, start=block.started, what="block")


class EnergyLog:
    """A file of records. It is opened for each writing, so it may be moved away meanwhile.

    Args:
        path: the file; it is made when something is written, readable by its owner alone, in a
            folder that exists.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)

    def append(self, *records: LogRecord) -> None:
        """Append records, all or none of them between those of other processes.

        Raises:
            OSError: the file cannot be written.
        """
        if records:
            lines = (json.dumps(record.as_dict(), allow_nan=False) for record in records)
            _append(self.path, "".join(f"{line}\n" for line in lines).encode())

    async def append_async(self, *records: LogRecord) -> None:
        """Append records without blocking the event loop."""
        await off_loop(self.append, *records)

    def read(self, *, skip_bad: bool = False) -> Iterator[LogRecord]:
        """Give the records in the order of the file.

        Args:
            skip_bad: pass over lines that are not ours, instead of raising.

        Raises:
            EnergyLogUnreadable: a line is not one of ours; the text names it.
            OSError: the file cannot be read.
        """
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if not line.strip():
                    continue
                try:
                    yield parse(line)
                except EnergyLogUnreadable as error:
                    if not skip_bad:
                        raise EnergyLogUnreadable(f"{self.path}:{number}: {error}") from error


def parse(line: bytes | str) -> LogRecord:
    """Return the record of a line.

    Raises:
        EnergyLogUnreadable: it is not one of ours, or of a later form.
    """
    try:
        found = json.loads(line)
    except ValueError as error:
        raise EnergyLogUnreadable(f"this is no JSON: {error}") from error
    if not isinstance(found, dict) or not found.keys() >= _REQUIRED:
        raise EnergyLogUnreadable("this is not a record of an energy log")
    if found.get("v") != VERSION:
        raise EnergyLogUnreadable(
            f"this is of form {found.get('v')!r}, and this version reads form {VERSION}"
        )
    known = {name: found[name] for name in _NAMES if name in found}
    known.setdefault("joules_low", None)
    known.setdefault("joules_high", None)
    try:
        return LogRecord(**known)
    except TypeError as error:
        raise EnergyLogUnreadable(f"this is not a record of an energy log: {error}") from error


def read_logs(
    paths: Iterable[str | os.PathLike[str]], *, skip_bad: bool = False
) -> list[LogRecord]:
    """Return the records of several logs, by the time at which they began."""
    records = [record for path in paths for record in EnergyLog(path).read(skip_bad=skip_bad)]
    return sorted(records, key=lambda record: record.start)


def _append(path: Path, data: bytes) -> None:
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_CLOEXEC", 0)
    fd = os.open(path, flags, 0o600)
    try:
        _lock(fd)
        size = os.fstat(fd).st_size
        # A writer that was killed may have left half a line: it shall not spoil ours.
        if size and os.pread(fd, 1, size - 1) != b"\n":
            data = b"\n" + data
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view) :]
    finally:
        os.close(fd)  # which unlocks it


def _lock(fd: int) -> None:
    try:
        import fcntl  # noqa: PLC0415 - there is none on Windows
    except ImportError:  # a write at the end of a file is whole there without it
        return
    fcntl.flock(fd, fcntl.LOCK_EX)
