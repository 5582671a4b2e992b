"""PoolExecutor: the standard library's executor interface, on workers that stay usable."""

from __future__ import annotations

import collections
import concurrent.futures
import itertools
import threading
import time
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.dispatch.options import checked_counts, default_workers
from greenlithops.errors import ForkedError
from greenlithops.executor import AsyncExecutor
from greenlithops.sync.feed import Feed
from greenlithops.sync.hosted import Hosted
from greenlithops.sync.loop import background
from greenlithops.sync.output import shown
from greenlithops.sync.pool_future import PoolFuture, pool_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

T = TypeVar("T")


class PoolExecutor(concurrent.futures.Executor):
    """A `concurrent.futures.Executor` whose calls run on workers.

    It goes wherever the standard library's executors go. A worker that dies fails the call that
    it ran, with an error that is a `BrokenProcessPool` too, and is replaced.

    Args:
        max_workers: how many workers at most; by default the number of usable CPUs.
        mp_context: accepted; there is one way to start workers.
        initializer: a function that every worker runs before its first call.
        initargs: its arguments.
        max_tasks_per_child: replace a worker after so many calls. None: never.
        show_output: show what calls print: at once where workers run on this machine, otherwise
            when each call has ended.
        daemon: end with the program what still runs then, instead of waiting for it.
        **options: more options of `AsyncExecutor`.

    Raises:
        ValueError: an option is out of its range.
        TypeError: `initializer` is not callable.
    """

    def __init__(
        self,
        max_workers: int | None = None,
        mp_context: object = None,  # noqa: ARG002 - ProcessPoolExecutor's parameter
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        max_tasks_per_child: int | None = None,
        show_output: bool = True,
        daemon: bool = False,
        **options: Any,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if max_tasks_per_child is not None and not isinstance(max_tasks_per_child, int):
            raise TypeError("max_tasks_per_child must be an integer")
        checked_counts(max_tasks_per_child=max_tasks_per_child)
        executor = AsyncExecutor(
            max_workers=max_workers,
            initializer=initializer,
            initargs=initargs,
            max_calls_per_worker=max_tasks_per_child,
            **(shown(options) if show_output else options),
        )
        self._max_workers = max_workers or default_workers()  # other libraries look at it
        self._host = Hosted(executor)
        self._feed = Feed(self._host, show_output=show_output, patient=not daemon)
        self._lock = threading.Lock()
        self._shut = False
        weakref.finalize(self, self._feed.let_go).atexit = False

    def submit(
        self, fn: Callable[..., T], /, *args: Any, **kwargs: Any
    ) -> concurrent.futures.Future[T]:
        """Run ``fn(*args, **kwargs)`` on a worker; return its future at once.

        Raises:
            RuntimeError: the pool was shut down, or belongs to another process.
            BrokenProcessPool: the initializer has failed.
        """
        future: PoolFuture[T] = PoolFuture()
        # Under the lock, so that nothing is added behind what a shutdown waits for.
        with self._lock:
            if self._shut or self._host.foreign or self._feed.broken is not None:
                self._refuse()
            self._feed.open()
            self._feed.put((future, fn, args, kwargs))
        return future

    def submit_all(
        self, fn: Callable[..., T], calls: Iterable[tuple[Any, ...]], /
    ) -> list[concurrent.futures.Future[T]]:
        """Run ``fn(*args)`` for each of `calls`; return the futures at once.

        The same as many calls of `submit`, which travel together.
        """
        futures: list[concurrent.futures.Future[T]] = []
        items: list[tuple[PoolFuture[T], Callable[..., T], tuple[Any, ...], dict[str, Any]]] = []
        for args in calls:
            future: PoolFuture[T] = PoolFuture()
            futures.append(future)
            items.append((future, fn, args, {}))
        with self._lock:
            if self._shut or self._host.foreign or self._feed.broken is not None:
                self._refuse()
            self._feed.open()
            self._feed.put_all(items)
        return futures

    def _refuse(self) -> None:
        if self._host.foreign:
            raise ForkedError("this pool belongs to another process; make one in this process")
        if self._shut:
            raise RuntimeError("cannot schedule new futures after shutdown")
        if self._feed.broken is not None:
            raise pool_error(self._feed.broken)

    def map(
        self,
        fn: Callable[..., T],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[T]:
        """Return an iterator over ``fn``'s results, in the order of the arguments.

        Args:
            fn: takes one argument from each of the iterables.
            *iterables: consumed at once, or with `buffersize` as results are taken.
            timeout: seconds from this call after which waiting for a result gives up.
            chunksize: accepted; calls travel together by themselves.
            buffersize: how many calls may be ahead of the results taken.

        Raises:
            TimeoutError: from the iterator, when the time is up.
            ValueError: `chunksize` or `buffersize` is less than 1.
        """
        if chunksize < 1:
            raise ValueError("chunksize must be >= 1.")
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        deadline = None if timeout is None else timeout + time.monotonic()
        arguments = zip(*iterables, strict=False)
        first = arguments if buffersize is None else itertools.islice(arguments, buffersize)
        futures = collections.deque(self.submit(fn, *args) for args in first)
        more = iter(()) if buffersize is None else arguments
        return _results(weakref.ref(self), fn, futures, more, deadline)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more calls, and end the workers when all calls have ended.

        Args:
            wait: return only then.
            cancel_futures: cancel the calls that no worker has yet.
        """
        with self._lock:
            self._shut = True
        if self._host.foreign or not background().running:
            return
        if cancel_futures:
            background().call(self._feed.cancel_waiting)
        if wait:
            background().call(_close, self._feed)
        else:
            self._feed.let_go()

    def kill_workers(self) -> None:
        """End the workers at once; calls that have not ended are cancelled."""
        with self._lock:
            self._shut = True
        if not self._host.foreign and background().running:
            background().call(self._feed.cancel_waiting)
            background().call(_kill, self._feed)

    def __repr__(self) -> str:
        state = "shut down" if self._shut else "open"
        return f"<PoolExecutor {self._host.executor.id} {state}>"


async def _close(feed: Feed) -> None:
    await feed.close(kill=False)


async def _kill(feed: Feed) -> None:
    await feed.close(kill=True)


def _results(
    pool: weakref.ref[PoolExecutor],
    fn: Callable[..., T],
    futures: collections.deque[concurrent.futures.Future[T]],
    more: Iterator[tuple[Any, ...]],
    deadline: float | None,
) -> Generator[T, None, None]:
    """Give results in order; closed early, or by an error, cancel what no worker has yet."""
    try:
        while futures:
            executor = pool()
            if executor is not None and (args := next(more, None)) is not None:
                futures.append(executor.submit(fn, *args))
            del executor
            yield _result(futures.popleft(), deadline)  # nothing here holds what was taken
    finally:
        for future in futures:
            future.cancel()


def _result(future: concurrent.futures.Future[T], deadline: float | None) -> T:
    try:
        return future.result(None if deadline is None else deadline - time.monotonic())
    except BaseException:
        future.cancel()
        raise
    finally:
        del future  # an error refers to this frame
