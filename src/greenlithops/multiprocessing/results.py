"""What a pool's asynchronous calls give: results that are there, or come."""

from __future__ import annotations

import itertools
import multiprocessing
import threading
import time
from concurrent.futures import CancelledError
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

T = TypeVar("T")


class PoolTimeout(multiprocessing.TimeoutError, TimeoutError):
    """The standard library's error, which programs catch under the built-in's name, too."""


PoolTimeout.__name__ = PoolTimeout.__qualname__ = "TimeoutError"  # what programs print


class AsyncResult(Generic[T]):
    """The result of one or more calls, with `multiprocessing.pool.AsyncResult`'s methods.

    It is there when every call has ended. Callbacks are called then, in a thread of their own.
    """

    def __init__(
        self,
        futures: list[Future[Any]],
        join: Callable[[list[Any]], T],
        callback: Callable[[T], object] | None = None,
        error_callback: Callable[[BaseException], object] | None = None,
    ) -> None:
        self._futures = futures
        self._join = join
        self._called: threading.Event | None = None
        self._outcome: tuple[BaseException | None, Any] | None = None
        if callback is not None or error_callback is not None:
            self._called = threading.Event()
            _CountDown(self._futures, lambda: self._call_back(callback, error_callback))

    def _call_back(self, callback: Any, error_callback: Any) -> None:
        assert self._called is not None  # noqa: S101 - it is made before the callbacks are set
        try:
            error, value = self._settled()
            if error is None and callback is not None:
                callback(value)
            elif error is not None and error_callback is not None:
                error_callback(error)
        finally:
            self._called.set()

    def _settled(self) -> tuple[BaseException | None, Any]:
        """Return the first error, or the value, of calls that have ended."""
        if self._outcome is None:
            error = next(filter(None, map(_error_of, self._futures)), None)
            values = [] if error else [future.result() for future in self._futures]
            self._outcome = error, None if error else self._join(values)
            self._futures = []
        return self._outcome

    def ready(self) -> bool:
        """Return whether it is there."""
        if self._called is not None:
            return self._called.is_set()
        return all(future.done() for future in self._futures)

    def successful(self) -> bool:
        """Return whether the calls have ended without an error.

        Raises:
            ValueError: they have not ended.
        """
        if not self.ready():
            raise ValueError(f"{self!r} not ready")
        return self._settled()[0] is None

    def wait(self, timeout: float | None = None) -> None:
        """Wait until it is there, at most `timeout` seconds."""
        if self._called is not None:
            self._called.wait(timeout)
            return
        deadline = None if timeout is None else time.monotonic() + timeout
        for future in reversed(self._futures):  # when the last has ended, most have
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            try:
                future.exception(left)
            except TimeoutError:
                return
            except CancelledError:
                continue

    def get(self, timeout: float | None = None) -> T:
        """Return the result, when it is there, or raise the first call's error.

        Raises:
            multiprocessing.TimeoutError: it was not there within `timeout` seconds.
        """
        self.wait(timeout)
        if not self.ready():
            raise PoolTimeout
        error, value = self._settled()
        if error is not None:
            raise error
        result: T = value
        return result


class _CountDown:
    """Calls something once, when all of some futures have ended."""

    def __init__(self, futures: list[Future[Any]], then: Callable[[], object]) -> None:
        self._left = len(futures)
        self._then = then
        self._lock = threading.Lock()
        if not futures:
            then()
        for future in list(futures):
            future.add_done_callback(self._ended)

    def _ended(self, _: object) -> None:
        with self._lock:
            self._left -= 1
            over = not self._left
        if over:
            self._then()


def _error_of(future: Future[Any]) -> BaseException | None:
    if future.cancelled():
        from greenlithops.errors import CallCancelled  # noqa: PLC0415 - rarely needed

        return CallCancelled("the pool was terminated before the call ended")
    return future.exception()


def joined_chunks(chunks: list[list[Any]]) -> list[Any]:
    """Return the results of chunks as one list."""
    return list(itertools.chain.from_iterable(chunks))


def only(values: list[Any]) -> Any:
    """Return the result of a single call."""
    return values[0]


ApplyResult = MapResult = AsyncResult  #: the standard library's names


class Arrivals(Generic[T]):
    """An iterator over results that come, in order or as they come.

    Args:
        ordered: whether they are given in the order of the input.
        taken: called when a result was taken: there is room for one more call.
    """

    def __init__(self, *, ordered: bool, taken: Callable[[], object]) -> None:
        self._ordered = ordered
        self._taken = taken
        self._news = threading.Condition()
        self._there: dict[int, tuple[BaseException | None, Any]] = {}
        self._next = 0
        self._given = 0
        self._total: int | None = None
        self._last_error: BaseException | None = None

    def __iter__(self) -> Arrivals[T]:
        return self

    def __next__(self) -> T:
        return self.next()

    def next(self, timeout: float | None = None) -> T:
        """Return the next result, or raise the error in its place.

        Raises:
            StopIteration: there are no more.
            multiprocessing.TimeoutError: it was not there within `timeout` seconds.
        """
        deadline = None if timeout is None else time.monotonic() + timeout
        with self._news:
            while (place := self._place()) is None:
                if self._total is not None and self._given >= self._total:
                    error, self._last_error = self._last_error, None
                    raise error or StopIteration
                left = None if deadline is None else deadline - time.monotonic()
                if left is not None and left <= 0:
                    raise PoolTimeout
                self._news.wait(left)
            error, value = self._there.pop(place)
            self._given += 1
            self._next = place + 1
        self._taken()
        if error is not None:
            raise error
        result: T = value
        return result

    def _place(self) -> int | None:
        if self._ordered:
            return self._next if self._next in self._there else None
        return next(iter(self._there), None)

    def arrived(self, number: int, future: Future[Any]) -> None:
        """Take the outcome of call `number`."""
        error = _error_of(future)
        value = None if error is not None else future.result()
        with self._news:
            self._there[number] = error, value
            self._news.notify_all()

    def complete(self, total: int, error: BaseException | None) -> None:
        """Take note that there are `total` calls, and of what the input raised after them."""
        with self._news:
            self._total, self._last_error = total, error
            self._news.notify_all()


IMapIterator = IMapUnorderedIterator = Arrivals  #: the standard library's names
