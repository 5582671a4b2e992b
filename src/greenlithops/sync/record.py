"""What the futures of one job have in common, and the statistics that they show."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from math import nan
from typing import TYPE_CHECKING, Any

from greenlithops.models import CallState

if TYPE_CHECKING:
    from greenlithops.energy.records import CallEnergy
    from greenlithops.models import CallStats
    from greenlithops.sync.chain import Call


@dataclass(slots=True, eq=False)
class JobRecord:
    """One `map`, `call_async` or half of a `map_reduce`."""

    executor_id: str
    job_id: str
    function_name: str = ""
    execution_timeout: float | None = None
    runtime_memory: int | None = None
    backend: str = "localhost"
    created: float = field(default_factory=time.time)
    creation_seconds: float = 0.0
    serialize_seconds: float = 0.0
    function_bytes: int = 0
    log_calls: bool = False
    keeps: bool = False  #: whether its calls may put cloud objects into the job's folder
    durable: str | None = None  #: the job's name in storage, if it is kept there
    pid: int = field(default_factory=os.getpid)
    calls: list[Call] = field(default_factory=list)
    #: what calls took and cost, by number, fetched but not looked at yet
    gathered: dict[int, tuple[CallStats | None, CallEnergy | None]] = field(default_factory=dict)

    @property
    def job_key(self) -> str:
        """The job's name in the program."""
        return f"{self.executor_id}-{self.job_id}"

    def bare(self) -> JobRecord:
        """Return a copy that can be pickled: without the calls."""
        names = ("executor_id", "job_id", "function_name", "execution_timeout")
        more = ("runtime_memory", "backend", "created", "creation_seconds", "function_bytes")
        some = (*names, *more, "serialize_seconds", "durable")
        return JobRecord(**{name: getattr(self, name) for name in some})


def gathered(calls: list[Call]) -> list[tuple[CallStats | None, CallEnergy | None]]:
    """Return what calls took and cost; asked on the loop, where the meter is read."""
    return [(call.stats, call.energy) for call in calls]


def job_stats(record: JobRecord) -> dict[str, Any]:
    """Return what is known of a call from the time when its job was made."""
    return {
        "func_module_size_bytes": record.function_bytes,
        "host_job_create_tstamp": record.created,
        "host_job_created_time": record.creation_seconds,
        "host_job_serialize_time": record.serialize_seconds,
        "host_func_upload_time": 0.0,
        "host_data_upload_time": 0.0,
    }


def call_stats(
    state: CallState,
    value: Any,
    stats: CallStats | None,
    seen: float,
    energy: CallEnergy | None,
    *,
    free: bool = True,
) -> dict[str, Any]:
    """Return what is known of a call that has ended, under Lithops' keys.

    Args:
        state: how it ended.
        value: its result.
        stats: what it took.
        seen: when its end was noticed here, in seconds since the epoch.
        energy: what it cost.
        free: whether it ran where nothing is billed.
    """
    found: dict[str, Any] = {"host_status_done_tstamp": seen, "host_status_query_count": 0}
    if state is CallState.DONE:
        found |= {"host_result_done_tstamp": seen, "host_result_query_count": 0}
    if stats is not None:
        found |= {
            "func_data_size_bytes": stats.bytes_in,
            "func_result_size": 0 if value is None else stats.bytes_out,
            "host_submit_tstamp": stats.queued,
            "worker_calls": nan,  # workers are not given a number of calls beforehand
            "worker_cold_start": stats.cold_start,
            "worker_start_tstamp": stats.start,
            "worker_end_tstamp": stats.end,
            "worker_exec_time": stats.wall_seconds,
            "worker_func_start_tstamp": stats.start,
            "worker_func_end_tstamp": stats.end,
            "worker_func_exec_time": stats.wall_seconds,
            "worker_func_cpu_usage": _usage(stats),
            "worker_func_cpu_user_time": stats.cpu_user_seconds,
            "worker_func_cpu_system_time": stats.cpu_system_seconds,
            # Nothing tells these of one call: a machine's figures are not given as a call's.
            "worker_func_sent_net_io": nan,
            "worker_func_recv_net_io": nan,
            "worker_func_rss": _number(stats.resident_bytes),
            "worker_func_vms": _number(stats.virtual_bytes),
            "worker_func_uss": _number(stats.unshared_bytes),
            "worker_peak_memory_start": _number(stats.peak_memory_bytes_before),
            "worker_peak_memory_end": _number(stats.peak_memory_bytes),
            "worker_result_upload_time": 0.0,
            # Not Lithops': what the service bills, in seconds, and its price.
            "worker_func_billed_time": stats.billed_seconds,
            "worker_func_cost_usd": 0.0 if free else stats.usd,
        }
    return found | (energy.as_stats() if energy is not None else {})


def _number(count: int | None) -> float:
    # Programs add these up: with nan, what they get is not known either, and they go on.
    return nan if count is None else count


def _usage(stats: CallStats) -> list[float]:
    """Return how much of one core the call used, in percent."""
    seconds = stats.wall_seconds + stats.serialization_seconds
    return [100 * stats.cpu_seconds / seconds if seconds else 0.0]
