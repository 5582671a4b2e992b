"""Run ordinary Python functions at scale from asyncio, and know what every call cost in joules."""

# The layers, each of which knows only what stands below it:
#
#   cli                      the `greenlithops` command
#   sync                     the one background loop, and the blocking faces on it
#   executor, job, waiting,
#   storage                  the asynchronous face
#   dispatch                 planning, serializing, feeding workers, retrying
#   backends, worker, energy where calls run, what runs there, what it costs
#   protocols, models, objects, errors
#
# Nothing is imported before it is used: importing this package costs next to nothing.

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from greenlithops.dispatch.retry import RetryPolicy as RetryPolicy
    from greenlithops.durable.attached import attach as attach
    from greenlithops.executor import AsyncExecutor as AsyncExecutor
    from greenlithops.job import Future as Future
    from greenlithops.job import Job as Job
    from greenlithops.models import CallState as CallState
    from greenlithops.models import CallStats as CallStats
    from greenlithops.models import Event as Event
    from greenlithops.models import EventKind as EventKind
    from greenlithops.models import JobStats as JobStats
    from greenlithops.models import Progress as Progress
    from greenlithops.reduction import Reduction as Reduction
    from greenlithops.storage.async_storage import AsyncStorage as AsyncStorage
    from greenlithops.storage.cloudobject import CloudObject as CloudObject
    from greenlithops.storage.mapping.reader import ObjectReader as ObjectReader
    from greenlithops.sync.constants import ALL_COMPLETED as ALL_COMPLETED
    from greenlithops.sync.constants import ALWAYS as ALWAYS
    from greenlithops.sync.constants import ANY_COMPLETED as ANY_COMPLETED
    from greenlithops.sync.either import wait as wait
    from greenlithops.sync.executors import FunctionExecutor as FunctionExecutor
    from greenlithops.sync.futures import ResponseFuture as ResponseFuture
    from greenlithops.sync.futures_list import FuturesList as FuturesList
    from greenlithops.sync.modes import LocalhostExecutor as LocalhostExecutor
    from greenlithops.sync.modes import ServerlessExecutor as ServerlessExecutor
    from greenlithops.sync.modes import StandaloneExecutor as StandaloneExecutor
    from greenlithops.sync.pool import PoolExecutor as PoolExecutor
    from greenlithops.sync.retries import RetryingFunctionExecutor as RetryingFunctionExecutor
    from greenlithops.sync.retries import RetryingFuture as RetryingFuture
    from greenlithops.sync.storage import Storage as Storage
    from greenlithops.sync.waits import get_result as get_result
    from greenlithops.trials import run_trials as run_trials
    from greenlithops.waiting import as_completed as as_completed
    from greenlithops.waiting import gather as gather

__version__ = "0.1.0"

_HOMES = {
    "ALL_COMPLETED": "sync.constants",
    "ALWAYS": "sync.constants",
    "ANY_COMPLETED": "sync.constants",
    "AsyncExecutor": "executor",
    "AsyncStorage": "storage.async_storage",
    "CallState": "models",
    "CallStats": "models",
    "CloudObject": "storage.cloudobject",
    "Event": "models",
    "EventKind": "models",
    "FunctionExecutor": "sync.executors",
    "Future": "job",
    "FuturesList": "sync.futures_list",
    "Job": "job",
    "JobStats": "models",
    "LocalhostExecutor": "sync.modes",
    "ObjectReader": "storage.mapping.reader",
    "PoolExecutor": "sync.pool",
    "Progress": "models",
    "Reduction": "reduction",
    "ResponseFuture": "sync.futures",
    "RetryPolicy": "dispatch.retry",
    "RetryingFunctionExecutor": "sync.retries",
    "RetryingFuture": "sync.retries",
    "ServerlessExecutor": "sync.modes",
    "StandaloneExecutor": "sync.modes",
    "Storage": "sync.storage",
    "as_completed": "waiting",
    "attach": "durable.attached",
    "gather": "waiting",
    "get_result": "sync.waits",
    "run_trials": "trials",
    "wait": "sync.either",
}

#: parts with many names of their own
_PARTS = ("config", "energy", "errors", "multiprocessing", "storage_os")

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604 - the names are the keys of the table above


def __getattr__(name: str) -> object:
    """Import the module that a public name lives in when the name is first used."""
    from importlib import import_module  # noqa: PLC0415 - only on first use

    home = _HOMES.get(name)
    if name in _PARTS:
        return import_module(f"{__name__}.{name}")
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
