"""From what happened to values of metrics: pure functions."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, NamedTuple

from greenlithops.errors import CallTimeout
from greenlithops.models import EventKind
from greenlithops.telemetry import metrics as m

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from greenlithops.energy.records import EnergyReport
    from greenlithops.models import CallStats, Event

_MIB = 1 << 20


class Value(NamedTuple):
    """One value of a metric, with the metric's labels."""

    metric: m.Metric
    number: float
    labels: Mapping[str, str]


class Place(NamedTuple):
    """Where the calls of an executor run.

    Attributes:
        backend: the backend's name.
        memory: megabytes that a call may have, or None for no limit.
    """

    backend: str
    memory: int | None

    def runtime(self) -> dict[str, str]:
        """Return the labels of what is about the place alone."""
        names = (self.backend, self.backend, str(self.memory or 0))
        return dict(zip(m.RUNTIME, names, strict=True))

    def job(self, function: str) -> dict[str, str]:
        """Return the labels of what is about one function there."""
        return self.runtime() | {"function_name": function.rpartition(".")[2] or "unknown"}


class Submitted(NamedTuple):
    """A job that was submitted. Durations are seconds."""

    function: str
    calls: int
    creation_seconds: float
    serialize_seconds: float
    function_bytes: int


def of_job(job: Submitted, place: Place) -> Iterator[Value]:
    """Give what is known of a job when it was submitted."""
    labels = place.job(job.function)
    yield Value(m.JOBS, 1, labels)
    yield Value(m.CALLS, job.calls, labels)
    yield Value(m.JOB_CALLS, job.calls, labels)
    yield Value(m.JOB_CREATE, job.creation_seconds, labels)
    yield Value(m.JOB_SERIALIZE, job.serialize_seconds, labels)
    if job.function_bytes:
        yield Value(m.JOB_BYTES, job.function_bytes, labels | {"part": "function"})


def of_event(event: Event, place: Place) -> Iterator[Value]:
    """Give what an event tells; nothing for those that tell of no metric."""
    labels = place.job(event.function or "")
    if event.kind is EventKind.CALL_RETRIED:
        yield Value(m.RETRIED, 1, labels)
    elif event.kind is EventKind.CALL_FINISHED:
        yield Value(m.COMPLETED, 1, labels | {"outcome": _outcome(event)})
        if event.stats is not None:
            yield from _of_stats(event.stats, event.time, labels, place)
    elif event.kind is EventKind.JOB_FINISHED:
        report = event.details.get("energy")
        if report is not None:
            yield from _of_energy(report, labels)


def _outcome(event: Event) -> str:
    if event.error is not None:
        return "timeout" if isinstance(event.error, CallTimeout) else "failure"
    return "cancelled" if event.details.get("cancelled") else "success"


def _of_stats(
    stats: CallStats, told: float, labels: dict[str, str], place: Place
) -> Iterator[Value]:
    yield Value(m.STARTED, 1, labels)
    if stats.cold_start:
        yield Value(m.COLD, 1, labels)
    total = stats.wall_seconds + stats.serialization_seconds
    yield Value(m.DURATION, stats.wall_seconds, labels)
    yield Value(m.TOTAL, total, labels)
    # Clocks are read in different processes: a hair below zero is zero.
    yield Value(m.QUEUED, max(0.0, stats.start - stats.queued), labels)
    yield Value(m.LATENCY, max(0.0, told - stats.end), labels)
    yield Value(m.END_TO_END, max(0.0, told - stats.queued), labels)
    yield Value(m.RESULT_BYTES, stats.bytes_out, labels)
    yield Value(m.CPU_SECONDS, stats.cpu_user_seconds, labels | {"mode": "user"})
    yield Value(m.CPU_SECONDS, stats.cpu_system_seconds, labels | {"mode": "system"})
    if total:
        yield Value(m.CPU_PERCENT, 100 * stats.cpu_seconds / total, labels)
    if stats.peak_memory_bytes is not None:
        peak = labels | {"kind": "peak"}
        yield Value(m.MEMORY, stats.peak_memory_bytes, peak)
        if place.memory:
            yield Value(m.MEMORY_SHARE, stats.peak_memory_bytes / (place.memory * _MIB), peak)
    yield Value(m.INFO, 1, place.runtime() | _versions())


def _of_energy(report: EnergyReport, labels: dict[str, str]) -> Iterator[Value]:
    if report.joules is None:
        yield Value(m.UNKNOWN, report.calls, labels)
        return
    how = labels | {"kind": report.kind, "method": report.method}
    yield Value(m.JOULES, max(0.0, report.joules), how)
    if report.gco2e is not None:
        yield Value(m.GRAMS, max(0.0, report.gco2e), how)


@cache
def _versions() -> dict[str, str]:
    return {
        "python_version": platform.python_version(),
        "lithops_version": f"greenlithops {version('greenlithops')}",
    }
