"""The standard library's future, for a call of ours."""

from __future__ import annotations

import concurrent.futures
import os
import threading
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.errors import ForkedError, InitializerFailed, WorkerLost
from greenlithops.models import CallState
from greenlithops.sync.callbacks import CallbackThread
from greenlithops.sync.frames import trimmed
from greenlithops.sync.loop import background

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.job import Future

T = TypeVar("T")

# The states of `concurrent.futures.Future`, which it does not export.
PENDING, CANCELLED, NOTIFIED = "PENDING", "CANCELLED", "CANCELLED_AND_NOTIFIED"
FINISHED = "FINISHED"

_lock = threading.RLock()  #: held while a future gets its condition, or ends without having one
_callbacks = CallbackThread()


class PoolFuture(concurrent.futures.Future[T]):
    """A `concurrent.futures.Future` that knows whether a worker has its call.

    For the standard library's functions, a call is pending until it has ended: so nothing has to
    be told them in between. The condition that they wait with is made when somebody waits: most
    calls end before that, and making it costs more than all else.
    """

    _state: str
    _result: Any
    _exception: BaseException | None

    def __init__(self) -> None:  # the base's own would make the condition
        self._made: threading.Condition | None = None
        self._state = PENDING
        self._result = None
        self._exception = None
        self._waiters: list[Any] = []
        self._done_callbacks: list[Callable[[Any], object]] = []
        self._call: Future[T] | None = None
        self._drop: Callable[[PoolFuture[T]], object] | None = None
        self._pid = os.getpid()

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]
        if self._made is None:
            with _lock:
                if self._made is None:
                    self._made = threading.Condition()
        return self._made

    # What users ask for.

    def result(self, timeout: float | None = None) -> T:
        """Return the call's result; see `concurrent.futures.Future.result`."""
        if self._state == FINISHED and self._exception is None:
            value: T = self._result
            return value
        self._check_process()
        return super().result(timeout)

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Return what the call raised; see `concurrent.futures.Future.exception`."""
        if self._state == FINISHED:
            return self._exception
        self._check_process()
        return super().exception(timeout)

    def _check_process(self) -> None:
        if self._pid != os.getpid() and not self.done():
            raise ForkedError("this call was submitted by another process, which will be told")

    def done(self) -> bool:
        """Return whether the call has ended, or was cancelled."""
        return self._state in (FINISHED, CANCELLED, NOTIFIED)

    def running(self) -> bool:
        """Return whether a worker has the call."""
        call = self._call
        return not self.done() and call is not None and call.state is CallState.SENT

    def cancel(self) -> bool:
        """Cancel the call unless a worker has it; return whether it is cancelled."""
        if self.running() or not super().cancel():
            return False
        if self._drop is not None and background().running:
            background().post(self._drop, self)
        return True

    def __reduce__(self) -> Any:
        # Made anew elsewhere it would wait for a call that nobody there knows of.
        raise TypeError(
            "a future of PoolExecutor cannot be pickled: pass on its result(), or use the futures "
            "of FunctionExecutor, which travel with their outcome"
        )

    def _invoke_callbacks(self) -> None:
        # Callbacks may block; the loop must not.
        if self._done_callbacks and background().inside:
            _callbacks.put(super()._invoke_callbacks)  # type: ignore[misc]
        else:
            super()._invoke_callbacks()  # type: ignore[misc]

    # What the feed tells.

    def notify_cancelled(self) -> None:
        """Tell those who wait that it was cancelled."""
        if self._state == CANCELLED:
            self.set_running_or_notify_cancel()

    def call_cancelled(self) -> None:
        """Take note that the call was cancelled, wherever that was done."""
        super().cancel()
        self.notify_cancelled()

    def fail(self, error: BaseException) -> None:
        """End with an error, unless it was cancelled."""
        try:
            self.set_exception(trimmed(pool_error(error)))
        except concurrent.futures.InvalidStateError:
            self.notify_cancelled()

    def finish(self, value: T) -> None:
        """End with a result, unless it was cancelled."""
        try:
            self.set_result(value)
        except concurrent.futures.InvalidStateError:
            self.notify_cancelled()


def pool_error(error: BaseException) -> BaseException:
    """Return an error as one of the standard library's, where it has one like it."""
    if not isinstance(error, (WorkerLost, InitializerFailed)):
        return error
    try:
        from greenlithops.sync.pool_errors import as_pool_error  # noqa: PLC0415 - rarely needed
    except RuntimeError:  # when the program is ending, multiprocessing cannot be imported
        return error
    return as_pool_error(error)


def finish_all(ended: Iterable[tuple[PoolFuture[Any], Any]]) -> None:
    """End futures with their results."""
    watched = []
    with _lock:
        for future, value in ended:
            if future._made is None and future._state is PENDING:  # noqa: SLF001 - our own class
                future._result = value  # noqa: SLF001 - see above
                future._state = FINISHED  # noqa: SLF001 - see above
            else:
                watched.append((future, value))
    for future, value in watched:
        future.finish(value)


def _forget() -> None:
    """In a forked child: whoever held the lock, or ran callbacks, is not here."""
    global _lock, _callbacks
    _lock, _callbacks = threading.RLock(), CallbackThread()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
