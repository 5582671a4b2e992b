"""Errors that are ours and the standard library's at once; imported only when one is raised."""

from __future__ import annotations

from concurrent.futures.process import BrokenProcessPool

from greenlithops.errors import InitializerFailed, OutOfMemory, WorkerLost


class PoolWorkerLost(WorkerLost, BrokenProcessPool):
    """The worker died while it ran the call; the pool goes on with others."""


class PoolOutOfMemory(OutOfMemory, BrokenProcessPool):
    """The call used more memory than its worker may have; the pool goes on."""


class PoolInitializerFailed(InitializerFailed, BrokenProcessPool):
    """The initializer raised: no worker can run calls."""


def as_pool_error(error: BaseException) -> BaseException:
    """Return the error as users of the standard library's pools expect it."""
    found: BaseException
    if isinstance(error, OutOfMemory):
        found = PoolOutOfMemory(str(error), exit_code=error.exit_code, signal=error.signal)
    elif isinstance(error, WorkerLost):
        found = PoolWorkerLost(str(error), exit_code=error.exit_code, signal=error.signal)
    elif isinstance(error, InitializerFailed):
        found = PoolInitializerFailed(str(error))
    else:
        return error
    found.__cause__ = error.__cause__
    for note in getattr(error, "__notes__", ()):
        found.add_note(note)
    return found
