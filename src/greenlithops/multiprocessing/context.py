"""The one context, which has every name of the package as an attribute."""

from __future__ import annotations

import importlib
import multiprocessing as standard
from multiprocessing.context import (
    AuthenticationError,
    BufferTooShort,
    ProcessError,
    TimeoutError,  # noqa: A004 - the standard library's name
)
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import logging

METHODS = ("fork", "spawn", "forkserver", "cloud")

#: where each name of the package lives
HOMES = {
    "Array": "sharedctypes",
    "Barrier": "events",
    "BoundedSemaphore": "synchronize",
    "Condition": "events",
    "Event": "events",
    "JoinableQueue": "queues",
    "Lock": "synchronize",
    "Manager": "managers",
    "Pipe": "connection",
    "Pool": "pool",
    "Process": "process",
    "Queue": "queues",
    "RLock": "synchronize",
    "RawArray": "sharedctypes",
    "RawValue": "sharedctypes",
    "Semaphore": "synchronize",
    "SimpleQueue": "queues",
    "SyncManager": "managers",
    "Value": "sharedctypes",
    "active_children": "process",
    "current_process": "identity",
    "parent_process": "identity",
}


def home(name: str) -> Any:
    """Return an object of the package by its name; its module is imported when it is used."""
    return getattr(importlib.import_module(f"{__package__}.{HOMES[name]}"), name)


class DefaultContext:
    """What `get_context` returns: all names of the package. There is one way to start workers."""

    ProcessError = ProcessError
    BufferTooShort = BufferTooShort
    TimeoutError = TimeoutError
    AuthenticationError = AuthenticationError

    def __getattr__(self, name: str) -> Any:
        if name in HOMES:
            return home(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def cpu_count(self) -> int:
        """Return how many calls can run at a time: the configured workers, or this machine's."""
        from greenlithops.multiprocessing.options import (  # noqa: PLC0415 - rarely needed
            executor_options,
        )

        workers = executor_options().get("max_workers")
        if workers is not None:
            return int(workers)
        from greenlithops.dispatch.options import default_workers  # noqa: PLC0415 - rarely needed

        return default_workers()

    def get_context(self, method: str | None = None) -> DefaultContext:
        """Return the context.

        Raises:
            ValueError: there is no method of this name.
        """
        if method is not None and method not in METHODS:
            raise ValueError(f"cannot find context for {method!r}")
        return self

    def get_all_start_methods(self) -> list[str]:
        """Return the accepted names; all of them mean the same."""
        return list(METHODS)

    def get_start_method(self, allow_none: bool = False) -> str:  # noqa: ARG002 - the standard library's
        """Return ``"cloud"``, the one way in which workers start."""
        return "cloud"

    def set_start_method(self, method: str | None, force: bool = False) -> None:  # noqa: ARG002 - see above
        """Accept any method: workers are always started afresh.

        Raises:
            ValueError: there is none of this name.
        """
        self.get_context(method)

    def freeze_support(self) -> None:
        """Return: workers do not run the main program again."""

    def allow_connection_pickling(self) -> None:
        """Return: connections can always be pickled."""

    def set_executable(self, executable: str) -> None:
        """Return: workers run the interpreter that this process runs."""

    def set_forkserver_preload(self, module_names: list[str]) -> None:
        """Return: there is no fork server.

        Raises:
            TypeError: these are no names.
        """
        if not all(isinstance(name, str) for name in module_names):
            raise TypeError("module_names must be a list of strings")

    def get_logger(self) -> logging.Logger:
        """Return the standard library's logger for multiprocessing."""
        return standard.get_logger()

    def log_to_stderr(self, level: int | str | None = None) -> logging.Logger:
        """Send its messages to stderr as well; return it."""
        return standard.log_to_stderr(level)

    @property
    def reducer(self) -> Any:
        """The standard library's: how its objects are pickled."""
        return standard.reducer

    @reducer.setter
    def reducer(self, reduction: Any) -> None:
        standard.reducer = reduction


BaseContext = CloudContext = DefaultContext  #: the standard library's name, and Lithops'
default = DefaultContext()
cpu_count = default.cpu_count
get_context = default.get_context


def __getattr__(name: str) -> Any:
    """Return what the package has under the same name."""
    if not name.startswith("_") and hasattr(default, name):
        return getattr(default, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
