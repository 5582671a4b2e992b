"""The standard library's `multiprocessing`, on functions, with state in Redis where it is shared.

A program moves over by changing its import. `Pool` and `Process` need nothing else. What processes
share lives on a server of Redis' protocol: the configured one, or one that is started with the
program and ends with it.
"""

from __future__ import annotations

from typing import Any

TYPE_CHECKING = False
if TYPE_CHECKING:
    from multiprocessing.context import AuthenticationError as AuthenticationError
    from multiprocessing.context import BufferTooShort as BufferTooShort
    from multiprocessing.context import ProcessError as ProcessError
    from multiprocessing.context import TimeoutError as TimeoutError  # noqa: A004 - its name there

    from greenlithops.multiprocessing.connection import Pipe as Pipe
    from greenlithops.multiprocessing.context import DefaultContext as DefaultContext
    from greenlithops.multiprocessing.events import Barrier as Barrier
    from greenlithops.multiprocessing.events import Condition as Condition
    from greenlithops.multiprocessing.events import Event as Event
    from greenlithops.multiprocessing.identity import current_process as current_process
    from greenlithops.multiprocessing.identity import parent_process as parent_process
    from greenlithops.multiprocessing.managers import Manager as Manager
    from greenlithops.multiprocessing.managers import SyncManager as SyncManager
    from greenlithops.multiprocessing.pool import Pool as Pool
    from greenlithops.multiprocessing.process import Process as Process
    from greenlithops.multiprocessing.process import active_children as active_children
    from greenlithops.multiprocessing.queues import JoinableQueue as JoinableQueue
    from greenlithops.multiprocessing.queues import Queue as Queue
    from greenlithops.multiprocessing.queues import SimpleQueue as SimpleQueue
    from greenlithops.multiprocessing.sharedctypes import Array as Array
    from greenlithops.multiprocessing.sharedctypes import RawArray as RawArray
    from greenlithops.multiprocessing.sharedctypes import RawValue as RawValue
    from greenlithops.multiprocessing.sharedctypes import Value as Value
    from greenlithops.multiprocessing.synchronize import BoundedSemaphore as BoundedSemaphore
    from greenlithops.multiprocessing.synchronize import Lock as Lock
    from greenlithops.multiprocessing.synchronize import RLock as RLock
    from greenlithops.multiprocessing.synchronize import Semaphore as Semaphore

_MODULES = (
    *("aio", "config", "connection", "context", "dummy", "errors", "managers", "pool", "process"),
    *("queues", "resource_tracker", "shared_memory", "sharedctypes", "synchronize", "util"),
)
_OF_CONTEXT = (
    "allow_connection_pickling",
    "cpu_count",
    "freeze_support",
    "get_all_start_methods",
    "get_context",
    "get_logger",
    "get_start_method",
    "log_to_stderr",
    "reducer",
    "set_executable",
    "set_forkserver_preload",
    "set_start_method",
)
_ERRORS = ("AuthenticationError", "BufferTooShort", "ProcessError", "TimeoutError")


def __getattr__(name: str) -> Any:
    """Import what a name stands for when it is first used."""
    from importlib import import_module  # noqa: PLC0415 - only on first use

    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name not in __all__:  # a module of our own, or nothing: workers need no context for that
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    context = import_module(f"{__name__}.context")
    if name == "DefaultContext":
        value = context.DefaultContext
    elif name in context.HOMES:
        value = context.home(name)
    else:
        value = getattr(context.default, name)
    globals()[name] = value
    return value


__all__ = [  # noqa: PLE0604 - the names are those of the tables above
    *_OF_CONTEXT,
    *_ERRORS,
    "Array",
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "DefaultContext",
    "Event",
    "JoinableQueue",
    "Lock",
    "Manager",
    "Pipe",
    "Pool",
    "Process",
    "Queue",
    "RLock",
    "RawArray",
    "RawValue",
    "Semaphore",
    "SimpleQueue",
    "SyncManager",
    "Value",
    "active_children",
    "config",
    "current_process",
    "parent_process",
]


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
