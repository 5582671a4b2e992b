"""The metrics: those of Lithops 3.8 that have a meaning here, and energy.

No label names a call, job, worker or executor, so that there are as many series as functions.
"""

from __future__ import annotations

import enum
from typing import NamedTuple


class Kind(enum.Enum):
    """How values of a metric are put together."""

    COUNTER = "counter"  #: they are added up
    HISTOGRAM = "histogram"  #: they are counted by size
    GAUGE = "gauge"  #: the last one counts


RUNTIME = ("backend", "runtime_name", "runtime_memory")
JOB = (*RUNTIME, "function_name")

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800)
_WAITS = (0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
_OVERHEAD = (0.001, 0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
_KIB, _MIB, _GIB = 1 << 10, 1 << 20, 1 << 30
_RESULTS = (_KIB, 8 * _KIB, 64 * _KIB, 512 * _KIB, _MIB, 8 * _MIB, 64 * _MIB, 512 * _MIB)
_FUNCTIONS = (
    *(_KIB, 16 * _KIB, 128 * _KIB, _MIB, 8 * _MIB, 64 * _MIB, 512 * _MIB),
    4 * _GIB,
)
_MEMORY = (16 * _MIB, *(_MIB * (1 << power) for power in range(6, 14)))


class Metric(NamedTuple):
    """A metric.

    Attributes:
        name: its name; counters get ``_total`` behind it from those who show them.
        kind: how its values are put together.
        about: what it means, with its unit.
        labels: what values are told apart by.
        buckets: the upper bounds of a histogram's buckets.
    """

    name: str
    kind: Kind
    about: str
    labels: tuple[str, ...] = JOB
    buckets: tuple[float, ...] = ()


def _counter(name: str, about: str, *more: str) -> Metric:
    return Metric(f"lithops_{name}", Kind.COUNTER, about, (*JOB, *more))


def _histogram(name: str, about: str, buckets: tuple[float, ...], *more: str) -> Metric:
    return Metric(f"lithops_{name}", Kind.HISTOGRAM, about, (*JOB, *more), buckets)


JOBS = _counter("jobs_submitted", "Jobs that were submitted.")
CALLS = _counter("calls_invoked", "Calls of submitted jobs.")
STARTED = _counter("calls_started", "Calls that a worker has begun.")
COMPLETED = _counter(
    "calls_completed",
    "Calls that have ended, by outcome: success, failure, timeout or cancelled.",
    "outcome",
)
RETRIED = _counter("calls_retried", "Attempts that failed and were followed by another.")
COLD = _counter("cold_starts", "Calls that were the first of their worker.")
CPU_SECONDS = _counter(
    "worker_cpu_seconds", "Seconds of CPU time of calls, by mode: user or system.", "mode"
)
JOULES = _counter(
    "energy_joules",
    "Joules above idle of the calls of jobs that have ended, by kind (measured or estimated) and "
    "the meter's name.",
    "kind",
    "method",
)
GRAMS = _counter("energy_gco2e", "Grams of CO2 equivalent of these joules.", "kind", "method")
UNKNOWN = _counter("energy_unknown_calls", "Calls of ended jobs whose energy is not known.")

DURATION = _histogram("call_duration_seconds", "Seconds inside of the function.", _SECONDS)
TOTAL = _histogram(
    "call_total_duration_seconds", "Seconds of a call in its worker, pickling included.", _SECONDS
)
QUEUED = _histogram("call_queue_delay_seconds", "Seconds from submission to start.", _WAITS)
LATENCY = _histogram("call_status_latency_seconds", "Seconds from end to being told.", _WAITS)
END_TO_END = _histogram(
    "call_end_to_end_seconds", "Seconds from submission to the result being here.", _SECONDS
)
RESULT_BYTES = _histogram("call_result_size_bytes", "Bytes of pickled results.", _RESULTS)
MEMORY = _histogram(
    "worker_memory_bytes", "A worker's greatest resident memory so far, in bytes.", _MEMORY, "kind"
)
MEMORY_SHARE = _histogram(
    "worker_memory_utilization_ratio",
    "The same as a share of the memory that calls may have.",
    (0.1, 0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0, 1.25),
    "kind",
)
CPU_PERCENT = _histogram(
    "worker_cpu_utilization_percent",
    "CPU time of a call in percent of its seconds.",
    (1, 5, 10, 25, 50, 75, 90, 95, 99, 100),
)
JOB_CALLS = _histogram(
    "job_calls", "Calls of a job.", (1, 5, 10, 50, 100, 500, 1000, 5000, 10000, 50000)
)
JOB_CREATE = _histogram("job_create_seconds", "Seconds in which a job was submitted.", _OVERHEAD)
JOB_SERIALIZE = _histogram(
    "job_serialize_seconds", "Seconds in which a job's function and calls were packed.", _OVERHEAD
)
JOB_BYTES = _histogram("job_payload_bytes", "Bytes of pickled functions.", _FUNCTIONS, "part")
INFO = Metric(
    "lithops_worker_info",
    Kind.GAUGE,
    "Always 1; the labels tell with what calls run.",
    (*RUNTIME, "python_version", "lithops_version"),
)

METRICS = tuple(value for value in list(globals().values()) if isinstance(value, Metric))
