"""Calls of durable jobs that another process began, attached to when they are asked for."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError
from greenlithops.sync.loop import background

if TYPE_CHECKING:
    from greenlithops.executor import AsyncExecutor
    from greenlithops.job import Future
    from greenlithops.sync.chain import Call
    from greenlithops.sync.executors import FunctionExecutor
    from greenlithops.sync.record import JobRecord

_LOOK = 0.05  #: seconds between two looks at whether the size of a job is known

_lock = threading.Lock()
_attached: dict[str, list[Call]] = {}
_executors: list[FunctionExecutor] = []  #: runs what is left of such jobs; at most one


async def calls_of(executor: AsyncExecutor, job_id: str) -> tuple[str, list[Future[Any]]]:
    """Attach to a job; return the function's name and the calls, when it is known how many."""
    job = await executor.attach(job_id)
    # Its client may not have said it yet; nobody tells, the job's follower asks storage.
    while (total := job.progress.total) is None:  # noqa: ASYNC110 - see above
        await asyncio.sleep(_LOOK)
    calls = [job[index] for index in range(total)]
    return job.name, calls


class Elsewhere:
    """Stands for a call of a durable job until somebody asks for it.

    Args:
        job_id: the job's name in storage.
        index: the call's number.
    """

    __slots__ = ("_index", "_job_id")

    def __init__(self, job_id: str, index: int) -> None:
        self._job_id = job_id
        self._index = index

    def done(self) -> bool:
        """Return False: nobody has looked yet."""
        return False

    def call(self, record: JobRecord) -> Call:
        """Attach to the job, in the storage of this process's configuration.

        Raises:
            NoSuchJob: that storage has none of this id.
            ProtocolError: it was started by somebody with another key.
        """
        if background().inside:
            raise UsageError("a future of another process cannot be asked for on the event loop")
        with _lock:
            if self._job_id not in _attached:
                _attached[self._job_id] = self._attach()
        record.calls = [*_attached[self._job_id]]
        return _attached[self._job_id][self._index]

    def _attach(self) -> list[Call]:
        if not _executors:
            from greenlithops.sync.executors import FunctionExecutor  # noqa: PLC0415 - a cycle

            _executors.append(FunctionExecutor())
        return _executors[0].attach_calls(self._job_id)[1]
