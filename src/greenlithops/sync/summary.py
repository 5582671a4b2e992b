"""`job_summary`: what the jobs of an executor took and cost, as a table in a CSV file."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.sync.call_logs import made_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenlithops.sync.futures import ResponseFuture

COLUMNS = (
    "Job_ID",
    "Function",
    "Invocations",
    "Memory(MB)",
    "AvgRuntime",
    "Cost",
    "CloudObjects",
    "Energy(J)",
)


class JobLine(NamedTuple):
    """What one job took. A figure that is not known is None.

    Attributes:
        job_id: the job.
        function: its function.
        calls: how many of its calls have ended.
        memory: megabytes that its calls may use, added up; None without a limit.
        seconds: how long its calls ran on average.
        joules: what they cost together; None if that of one is not known.
        cost: what they cost together in US dollars. What runs on this machine is not billed.
    """

    job_id: str
    function: str
    calls: int
    memory: int | None
    seconds: float
    joules: float | None
    cost: float | None


def job_lines(futures: Iterable[ResponseFuture]) -> list[JobLine]:
    """Return a line for each job that has calls that ended, in the order of the jobs."""
    jobs: dict[str, list[ResponseFuture]] = {}
    for future in futures:
        if future.done and "worker_func_exec_time" in future.stats:
            jobs.setdefault(future.job_id, []).append(future)
    return [_line(job_id, calls) for job_id, calls in jobs.items()]


def _line(job_id: str, calls: list[ResponseFuture]) -> JobLine:
    stats = [call.stats for call in calls]
    seconds = [one["worker_func_exec_time"] for one in stats]
    memory = calls[0].runtime_memory
    return JobLine(
        job_id,
        calls[0].function_name,
        len(calls),
        None if memory is None else memory * len(calls),
        sum(seconds) / len(seconds),
        _sum([one.get("worker_func_energy_pkg") for one in stats]),
        _sum([one.get("worker_func_cost_usd") for one in stats]),
    )


def _sum(values: list[Any]) -> Any:
    return None if any(value is None for value in values) else sum(values)


def write(lines: list[JobLine], objects: float, path: str | None) -> str:
    """Write the table, with a line for all jobs together; return its file.

    Args:
        lines: the jobs.
        objects: cloud objects, as the caller has counted them.
        path: the file; by default a new one in the folder for logs.
    """
    now = dt.datetime.now(tz=dt.UTC).strftime("%Y-%m-%d_%H-%M-%S-%f")
    file = Path(path) if path else made_folder() / f"{now}.csv"
    with file.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        for line in lines:
            head = (line.job_id, line.function, line.calls, line.memory)
            writer.writerow((*head, round(line.seconds, 10), line.cost, " ", line.joules))
        calls = sum(line.calls for line in lines)
        average = sum(line.seconds * line.calls for line in lines) / calls if calls else 0.0
        columns = [[getattr(line, name) for line in lines] for name in ("memory", "cost", "joules")]
        memory, cost, joules = map(_sum, columns)
        writer.writerow(("Summary", " ", calls, memory, round(average, 10), cost, objects, joules))
    return str(file)
