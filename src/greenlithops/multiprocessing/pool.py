"""Pool: the standard library's pool, on the executor's workers and its batches of calls."""

from __future__ import annotations

import os
import warnings
import weakref
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from greenlithops.multiprocessing import config
from greenlithops.multiprocessing.chunks import each
from greenlithops.multiprocessing.feeder import Feeder
from greenlithops.multiprocessing.options import executor_options
from greenlithops.multiprocessing.results import AsyncResult, joined_chunks, only
from greenlithops.multiprocessing.startup import worker_initializer
from greenlithops.sync.pool import PoolExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import TracebackType

T = TypeVar("T")

CHUNKS_PER_WORKER = 4
AHEAD_PER_WORKER = 64  #: calls of `imap` that may be ahead of the results taken
RUN, CLOSE, TERMINATE = "RUN", "CLOSE", "TERMINATE"


class Pool:
    """Workers that calls are given to, with `multiprocessing.pool.Pool`'s methods.

    It needs no server. Workers start as calls come; a worker that dies fails the call that it
    ran, and is replaced.

    Args:
        processes: how many workers at most; by default `cpu_count()`.
        initializer: a function that every worker runs once, before its first call.
        initargs: its arguments.
        maxtasksperchild: replace a worker after so many tasks (calls, or chunks of a map).
        context: accepted; there is one context.

    Raises:
        ValueError: `processes` or `maxtasksperchild` is less than 1.
        TypeError: `initializer` is not callable.
    """

    def __init__(
        self,
        processes: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: Iterable[Any] | None = (),
        maxtasksperchild: int | None = None,
        context: object = None,  # noqa: ARG002 - the standard library's parameter
    ) -> None:
        options = executor_options()
        workers = processes or (options.pop("max_workers", None) if processes is None else 0)
        options.pop("max_workers", None)
        if workers is None:
            workers = _cpu_count()
        if workers < 1:
            raise ValueError("Number of processes must be at least 1")
        if maxtasksperchild is not None and (
            not isinstance(maxtasksperchild, int) or maxtasksperchild <= 0
        ):
            raise ValueError("maxtasksperchild must be a positive int or None")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        self._processes = workers
        self._state = RUN
        self._feeders: weakref.WeakSet[Feeder] = weakref.WeakSet()
        begin, arguments = worker_initializer(
            "PoolWorker", workers, initializer, tuple(initargs or ())
        )
        self._executor = PoolExecutor(
            workers,
            initializer=begin,
            initargs=arguments,
            max_tasks_per_child=maxtasksperchild,
            show_output=config.get_parameter(config.STREAM_STDOUT),
            daemon=True,
            **options,
        )
        self._pid = os.getpid()

    # Calls.

    def apply(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
    ) -> T:
        """Return ``func(*args, **kwds)``, called on a worker."""
        return self.apply_async(func, args, kwds).get()

    def apply_async(
        self,
        func: Callable[..., T],
        args: Iterable[Any] = (),
        kwds: Mapping[str, Any] | None = None,
        callback: Callable[[T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[T]:
        """Call ``func(*args, **kwds)`` on a worker; return its result to come at once."""
        self._check_running()
        future = self._executor.submit(func, *args, **(kwds or {}))
        return AsyncResult([future], only, callback, error_callback)

    def map(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int | None = None
    ) -> list[T]:
        """Return the list of ``func(element)``; the first error is raised."""
        return self.map_async(func, iterable, chunksize).get()

    def map_async(
        self,
        func: Callable[[Any], T],
        iterable: Iterable[Any],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[list[T]]:
        """Do the same; return the list to come at once."""
        return self._chunked(
            each(func, spread=False), iterable, chunksize, callback, error_callback
        )

    def starmap(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
    ) -> list[T]:
        """Return the list of ``func(*element)``; the first error is raised."""
        return self.starmap_async(func, iterable, chunksize).get()

    def starmap_async(
        self,
        func: Callable[..., T],
        iterable: Iterable[Iterable[Any]],
        chunksize: int | None = None,
        callback: Callable[[list[T]], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> AsyncResult[list[T]]:
        """Do the same; return the list to come at once."""
        return self._chunked(each(func, spread=True), iterable, chunksize, callback, error_callback)

    def imap(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int | None = 1
    ) -> Iterator[T]:
        """Return an iterator over ``func(element)``, in order, as results come.

        The input is read as results are taken: at most some calls ahead of them.
        """
        return self._lazily(func, iterable, chunksize, ordered=True)

    def imap_unordered(
        self, func: Callable[[Any], T], iterable: Iterable[Any], chunksize: int | None = 1
    ) -> Iterator[T]:
        """Return an iterator over ``func(element)``, in the order in which they end."""
        return self._lazily(func, iterable, chunksize, ordered=False)

    def _check_running(self) -> None:
        if self._state != RUN:
            raise ValueError("Pool not running")

    def _chunked(
        self,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        chunksize: int | None,
        callback: Any,
        error_callback: Any,
    ) -> AsyncResult[Any]:
        self._check_running()
        items = list(iterable)
        if chunksize is None:
            chunksize = -(-len(items) // (self._processes * CHUNKS_PER_WORKER))
        size = max(1, chunksize)
        chunks = [(items[start : start + size],) for start in range(0, len(items), size)]
        futures = self._executor.submit_all(function, chunks)
        return AsyncResult(futures, joined_chunks, callback, error_callback)

    def _lazily(
        self,
        function: Callable[..., Any],
        iterable: Iterable[Any],
        size: int | None,
        *,
        ordered: bool,
    ) -> Iterator[Any]:
        self._check_running()
        size = 1 if size is None else size
        if size < 1:
            raise ValueError(f"Chunksize must be 1+, not {size:n}")
        feeder = Feeder(
            self._executor, function, iterable, size, self._processes * AHEAD_PER_WORKER
        )
        arrivals = feeder.start(ordered=ordered)
        self._feeders.add(feeder)
        if size == 1:
            return arrivals
        return (item for chunk in arrivals for item in chunk)

    # The end.

    def close(self) -> None:
        """Take no more calls; workers end when all calls have ended."""
        if self._state == RUN:
            self._state = CLOSE
            if not any(feeder.reading for feeder in list(self._feeders)):
                self._executor.shutdown(wait=False)

    def terminate(self) -> None:
        """End the workers at once; calls that have not ended fail."""
        if self._state == TERMINATE or os.getpid() != self._pid:
            return
        self._state = TERMINATE
        for feeder in list(self._feeders):
            feeder.stop()
        self._executor.kill_workers()

    def join(self) -> None:
        """Wait for the workers to end, after `close` or `terminate`.

        Raises:
            ValueError: neither was called.
        """
        if self._state == RUN:
            raise ValueError("Pool is still running")
        for feeder in list(self._feeders):
            feeder.finish()
        self._executor.shutdown(wait=True)

    def __enter__(self) -> Self:
        self._check_running()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.terminate()

    def __reduce__(self) -> NoReturn:
        raise NotImplementedError("pool objects cannot be passed between processes or pickled")

    def __repr__(self) -> str:
        return f"<{type(self).__name__} state={self._state} pool_size={self._processes}>"

    def __del__(self) -> None:
        if getattr(self, "_state", None) == RUN and os.getpid() == self._pid:
            warnings.warn(f"unclosed running multiprocessing pool {self!r}", ResourceWarning, 2)


def _cpu_count() -> int:
    from greenlithops.multiprocessing.context import cpu_count  # noqa: PLC0415 - a circle

    return cpu_count()


def __getattr__(name: str) -> Any:
    if name == "ThreadPool":  # programs take it from here; it is about threads of this process
        from multiprocessing.pool import ThreadPool  # noqa: PLC0415 - most do not want it

        return ThreadPool
    if name in {"ApplyResult", "IMapIterator", "IMapUnorderedIterator", "MapResult"}:
        from greenlithops.multiprocessing import results  # noqa: PLC0415 - for annotations only

        return getattr(results, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
