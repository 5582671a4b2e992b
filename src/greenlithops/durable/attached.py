"""A durable job of another process, with an executor of its own to go on with it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from greenlithops.executor import AsyncExecutor

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from greenlithops.job import Job
    from greenlithops.storage.async_storage import AsyncStorage


@asynccontextmanager
async def attach(
    job_id: str, storage: str | AsyncStorage | None = None, **options: Any
) -> AsyncIterator[Job[Any]]:
    """Give a durable job, to be used in ``async with``, and run what is left of it if need be.

    Args:
        job_id: `Job.id` in the process that started it.
        storage: where it is kept: a name, an `AsyncStorage`, or None for this machine's.
        options: those of `AsyncExecutor`, which runs what is left if the job's client has died.

    Raises:
        NoSuchJob: the storage has no job of this id.
        ProtocolError: it was started by somebody with another key.
    """
    async with AsyncExecutor(storage=storage, **options) as executor:
        yield await executor.attach(job_id)
