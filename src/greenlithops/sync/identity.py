"""Which call a future is of: what is known from the time when its job was made."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from greenlithops.sync.record import JobRecord


class Identity:
    """A call's number in its job, and what holds for the whole job."""

    __slots__ = ("_number", "_record")

    def __init__(self, record: JobRecord, number: int) -> None:
        self._record = record
        self._number = number

    @property
    def durable_id(self) -> str | None:
        """Its job's name in storage, for `FunctionExecutor.attach`; None if it is not kept."""
        return self._record.durable

    @property
    def call_id(self) -> str:
        """Its number in its job, as five digits."""
        return f"{self._number:05d}"

    @property
    def job_id(self) -> str:
        """Its job in its executor, such as ``A000``, ``M001`` or ``R001``."""
        return self._record.job_id

    @property
    def job_key(self) -> str:
        """Its executor and its job."""
        return self._record.job_key

    @property
    def executor_id(self) -> str:
        """The executor that made it, ``"<6 hex>-<n>"``."""
        return self._record.executor_id

    @property
    def function_name(self) -> str:
        """The function's name."""
        return self._record.function_name

    @property
    def execution_timeout(self) -> float | None:
        """Seconds that the call may run."""
        return self._record.execution_timeout

    @property
    def runtime_name(self) -> str:
        """The backend's name, since local workers have no runtime of their own."""
        return self._record.backend

    @property
    def runtime_memory(self) -> int | None:
        """Memory that the call's worker may use, in MB; None for no limit."""
        return self._record.runtime_memory

    @property
    def backend(self) -> str:
        """The backend's name."""
        return self._record.backend
