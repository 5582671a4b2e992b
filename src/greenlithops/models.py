"""The frozen values that travel through greenlithops and that users read."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class CallState(enum.Enum):
    """Where a call is on its way."""

    WAITING = 0  #: not yet given to a worker, or waiting to be tried again
    SENT = 1  #: given to a worker: it runs, or waits there for its turn
    DONE = 2  #: it returned a result
    FAILED = 3  #: it ended with an error
    CANCELLED = 4  #: it was cancelled


@dataclass(frozen=True, slots=True)
class CallStats:
    """What one call took. Moments are seconds since the epoch, durations are seconds.

    Attributes:
        queued: when the call was taken from the input.
        start: when the function started in the worker.
        end: when the function ended.
        wall_seconds: how long the function ran by the clock.
        cpu_seconds: CPU time of the whole worker process (or of the coroutine) while the function
            ran, child processes that ended included; with unpickling and pickling where they
            took more than a millisecond.
        cpu_user_seconds: the part of it outside of the kernel.
        cpu_system_seconds: the part of it inside the kernel; 0.0 where that is not known: of calls
            under 1 ms, which are too short for the kernel to tell, of coroutine functions, and of
            calls that were stopped or died.
        serialization_seconds: unpickling the arguments and pickling the result, by the clock.
        peak_memory_bytes: the worker's peak resident memory so far; None if it died of the call.
        peak_memory_bytes_before: the same before the call; None if it did not run to its end.
        resident_bytes: the worker's resident memory when the call had ended; None for calls under
            1 ms, and where the kernel does not tell.
        virtual_bytes: its virtual memory, likewise.
        unshared_bytes: the part of its resident memory that no other process shares; None, too, for
            calls that took less than 200 times as long as the kernel takes to count it: 80 ms for
            a small worker, 4 s more for each resident GB; and for calls of coroutine functions.
        bytes_in: size of the pickled arguments.
        bytes_out: size of the pickled result.
        worker: the worker that ran it.
        attempt: 1 for the first run, 2 for the first retry, …
        cold_start: whether it was the first call of its worker.
        billed_seconds: what the service says that it bills for the call: its part of the
            invocation that it was in; None where no service says so.
        usd: what these cost in dollars by the service's public prices, its fee for the invocation
            included, free tiers not; where the service does not say what it bills, of the time
            that the call took. None if no price is known.
    """

    queued: float
    start: float
    end: float
    wall_seconds: float
    cpu_seconds: float
    cpu_user_seconds: float
    cpu_system_seconds: float
    serialization_seconds: float
    peak_memory_bytes: int | None
    bytes_in: int
    bytes_out: int
    worker: str
    attempt: int
    cold_start: bool
    billed_seconds: float | None = None
    usd: float | None = None
    peak_memory_bytes_before: int | None = None
    resident_bytes: int | None = None
    virtual_bytes: int | None = None
    unshared_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class JobStats:
    """What the finished calls of a job took together. Durations are seconds."""

    calls: int
    failed: int
    retried: int
    wall_seconds: float  #: from the first call queued to the last one ended
    call_seconds: float  #: sum of the calls' wall time, failed attempts included
    cpu_seconds: float  #: sum of the calls' CPU time, likewise
    peak_memory_bytes: int
    bytes_in: int
    bytes_out: int
    workers: int  #: how many workers took part

    @property
    def parallelism(self) -> float:
        """How many calls ran at once on average."""
        return self.call_seconds / self.wall_seconds if self.wall_seconds else 0.0


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a job is.

    `total` is None as long as the input may still give more.
    """

    total: int | None
    waiting: int
    sent: int
    done: int
    failed: int
    cancelled: int
    retried: int

    @property
    def finished(self) -> int:
        """How many calls have ended, however they did."""
        return self.done + self.failed + self.cancelled

    @property
    def fraction(self) -> float | None:
        """The finished share, or None while the total is unknown."""
        if self.total is None:
            return None
        return self.finished / self.total if self.total else 1.0


class EventKind(enum.Enum):
    """What an event tells."""

    JOB_STARTED = "job-started"
    CALL_FINISHED = "call-finished"
    CALL_RETRIED = "call-retried"
    CALL_PRINTED = "call-printed"  #: only with ``live_logs``
    JOB_FINISHED = "job-finished"
    WORKER_STARTED = "worker-started"
    WORKER_ENDED = "worker-ended"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, as hooks are told it."""

    kind: EventKind
    time: float  #: seconds since the epoch
    job_id: str | None = None
    function: str | None = None
    index: int | None = None
    worker: str | None = None
    stats: CallStats | None = None
    error: BaseException | None = None
    text: str | None = None
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Limits:
    """What a backend can take; None where it sets no limit."""

    payload_bytes: int | None = None
    reply_bytes: int | None = None  #: of the reply to one invocation
    concurrency: int | None = None
    seconds: float | None = None
    memory_bytes: int | None = None
    processes: int = 1  #: calls of one invocation that run at a time, each in a process


@dataclass(frozen=True, slots=True)
class CallOptions:
    """How the calls of a job are run."""

    timeout: float | None = None
    environment: tuple[tuple[str, str], ...] = ()
    live_logs: bool = False


@dataclass(frozen=True, slots=True)
class WorkerOptions:
    """What every worker of an executor is like."""

    concurrency: int = 100
    max_memory: int | None = None
    max_calls: int | None = None
    log_bytes: int = 1 << 20
    chunksize: int = 1  #: calls in one invocation, where calls are invoked


@dataclass(frozen=True, slots=True)
class ServiceSize:
    """What a service reserves for one invocation.

    Attributes:
        memory_mb: its memory, in megabytes of 1,048,576 bytes.
        vcpus: its virtual CPUs; a fraction of one is a part of its time.
        architecture: ``x86_64`` or ``arm64``.
        tariff: how it is billed, as `greenlithops.energy.cost` names it; None if not known.
        provider: whose machines they are: ``AWS``, ``Azure``, ``GCP``, ``Alibaba`` or ``other``.
        region: where, as the provider names it; None for ``GREENLITHOPS_REGION``, else the world.
    """

    memory_mb: float
    vcpus: float
    architecture: str = "x86_64"
    tariff: str | None = None
    provider: Literal["AWS", "Azure", "GCP", "Alibaba", "other"] = "AWS"
    region: str | None = None


@dataclass(frozen=True, slots=True)
class CallJoules:
    """What a meter where a call ran says of it.

    Attributes:
        joules: its energy above idle.
        low: it is at least so much; None if no bound is known.
        high: it is at most so much; None if no bound is known.
        coverage: fraction of the call in which the meter was read.
        domains: joules by domain.
    """

    joules: float
    low: float | None = None
    high: float | None = None
    coverage: float = 1.0
    domains: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """What is known of where the calls of a reply ran, for their energy.

    Attributes:
        machine_type: as its provider calls it; None if it is not known.
        method: the meter that was read there; None if there was none.
        reason: what the reader of its figures must know.
        calls: its figures, in the order of the reply's outcomes; None for a call without one.
    """

    machine_type: str | None = None
    method: str | None = None
    reason: str | None = None
    calls: Sequence[CallJoules | None] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a service answered to an invocation.

    Attributes:
        body: a message of `greenlithops.worker.invocation`.
        billed_seconds: what the service says that it bills; None if it says nothing.
        init_seconds: how long the environment took to start before; None if it was there.
        told: what is known of where its calls ran; None if nothing.
    """

    body: bytes
    billed_seconds: float | None = None
    init_seconds: float | None = None
    told: Told | None = None
