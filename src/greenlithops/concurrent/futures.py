"""The standard library's `concurrent.futures`, with executors that are told in Lithops' words."""

from __future__ import annotations

import dataclasses
from concurrent.futures import (
    ALL_COMPLETED,
    FIRST_COMPLETED,
    FIRST_EXCEPTION,
    BrokenExecutor,
    CancelledError,
    Executor,
    InvalidStateError,
    TimeoutError,  # noqa: A004 - the standard library exports it
    as_completed,
    wait,
)
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from greenlithops.config.settings import worker_memory
from greenlithops.dispatch.modules import choose_modules
from greenlithops.errors import UsageError
from greenlithops.sync import executors, modes
from greenlithops.sync.pool import PoolExecutor
from greenlithops.sync.pool_future import PoolFuture as Future

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

T = TypeVar("T")

__all__ = [
    "ALL_COMPLETED",
    "FIRST_COMPLETED",
    "FIRST_EXCEPTION",
    "BrokenExecutor",
    "CancelledError",
    "Executor",
    "FunctionExecutor",
    "Future",
    "InvalidStateError",
    "LocalhostExecutor",
    "ProcessPoolExecutor",
    "ServerlessExecutor",
    "StandaloneExecutor",
    "ThreadPoolExecutor",
    "TimeoutError",
    "as_completed",
    "wait",
]

_OF_OTHER_POOLS = ("mp_context", "thread_name_prefix")  #: they mean nothing here


def _require_executor(found: object) -> None:
    if not isinstance(found, executors.FunctionExecutor):
        kind = type(found).__name__
        raise UsageError(f"executor must be a greenlithops.FunctionExecutor, not {kind}")


class FunctionExecutor(PoolExecutor):
    """A `concurrent.futures.Executor`: `submit` gives futures, `map` gives results.

    Args:
        max_workers: how many workers at most.
        executor: another `greenlithops.FunctionExecutor`, whose settings are taken over; it
            stays as it is, and open.
        initializer: a function that every worker runs before its first call.
        initargs: its arguments.
        runtime_memory: worker_memory that a worker may allocate.
        extra_env: environment variables around every call.
        execution_timeout: seconds that a call may run.
        include_modules: modules that travel by value; by default the user's own.
        exclude_modules: modules of the user's own that do not travel.
        max_tasks_per_child: replace a worker after so many calls.
        **kwargs: what `greenlithops.FunctionExecutor` takes.

    Raises:
        ConfigurationError: something is not known, or not possible.
        UsageError: `executor` is no `FunctionExecutor`.
    """

    _settings_of: ClassVar[type[executors.FunctionExecutor]] = executors.FunctionExecutor

    def __init__(
        self,
        max_workers: int | None = None,
        *,
        executor: executors.FunctionExecutor | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        runtime_memory: int | None = None,
        extra_env: Mapping[str, object] | None = None,
        execution_timeout: float | None = None,
        include_modules: list[str] | None = None,
        exclude_modules: list[str] | None = None,
        max_tasks_per_child: int | None = None,
        **kwargs: Any,
    ) -> None:
        for name in _OF_OTHER_POOLS:
            kwargs.pop(name, None)
        if executor is None:
            executor = self._settings_of(max_workers=max_workers, **kwargs)
        _require_executor(executor)
        options = executor._engine_options(executor._memory)  # noqa: SLF001 - a part of the same face
        given: dict[str, Any] = {
            "initializer": initializer,
            "initargs": initargs if initializer is not None else None,
            "max_memory": None if runtime_memory is None else worker_memory(runtime_memory),
            "extra_env": extra_env,
            "timeout": execution_timeout,
        }
        options |= {name: value for name, value in given.items() if value is not None}
        super().__init__(max_tasks_per_child=max_tasks_per_child, **options)
        self._told = executor
        modules = choose_modules(include_modules or (), exclude_modules or ())
        inner = self._host.executor
        inner._defaults = dataclasses.replace(inner._defaults, modules=modules)  # noqa: SLF001 - nothing else sets it

    @property
    def lithops_executor(self) -> executors.FunctionExecutor:
        """The `greenlithops.FunctionExecutor` that it was told with."""
        return self._told

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int | None = None,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Return an iterator over ``fn``'s results; see `PoolExecutor.map`."""
        chunk = 1 if chunksize is None else chunksize
        return super().map(
            fn, *iterables, timeout=timeout, chunksize=chunk, buffersize=buffersize or None
        )


class LocalhostExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls on this machine."""

    _settings_of = modes.LocalhostExecutor


class ServerlessExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls as functions or containers of a cloud."""

    _settings_of = modes.ServerlessExecutor


class StandaloneExecutor(FunctionExecutor):
    """A `FunctionExecutor` that runs calls on virtual machines."""

    _settings_of = modes.StandaloneExecutor


class ProcessPoolExecutor(FunctionExecutor):
    """A `FunctionExecutor` under the name that programs know."""


class ThreadPoolExecutor(FunctionExecutor):
    """A `FunctionExecutor` under the name that programs know; its calls share no memory."""
