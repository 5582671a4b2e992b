"""Queues that processes on different machines share."""

from __future__ import annotations

import queue
import time
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from greenlithops.backends.state.steps import Run, Steps
from greenlithops.multiprocessing import queues_lua as lua
from greenlithops.multiprocessing.shared import AsyncShared, Shared, operation, waiting

if TYPE_CHECKING:
    from types import TracebackType

T = TypeVar("T")


class _Queue(Shared, Generic[T]):
    """Items that any process puts in, and any process takes out, in order.

    Args:
        maxsize: how many items it holds at most; 0 or less: as many as the server's memory.
    """

    kind = "queue"
    counts_tasks = False

    def __init__(self, maxsize: int = 0, **place: Any) -> None:
        super().__init__(**place)
        self._maxsize = max(0, maxsize)
        self._closed = self._written = False
        self._session.run(_one(Run(lua.MAKE, (self._key,), (self._maxsize,))))

    def _state(self) -> dict[str, Any]:
        return {"_maxsize": self._maxsize, "_closed": False, "_written": False}

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"Queue {self!r} is closed")

    @operation
    def put(self, obj: T, block: bool = True, timeout: float | None = None) -> Steps[None]:
        """Add an item.

        Args:
            obj: anything that can be pickled.
            block: wait for room, where the number of items is limited.
            timeout: at most so many seconds; None: as long as it takes.

        Raises:
            queue.Full: there was no room.
            ValueError: the queue was closed in this process.
            StateLost: it is not there any more.
        """
        self._check_open()
        self._written = True
        blob = self._session.seal(self._key, obj)
        stay = block and (timeout is None or timeout > 0)
        attempt = Run(lua.PUT, (self._key,), (blob, int(stay), int(self.counts_tasks)))
        if not stay or not self._maxsize:
            reply = yield attempt
            if reply[0] == 0:
                raise queue.Full
            return
        give_up = Run(lua.PUT_GIVE_UP, (self._key,), (int(self.counts_tasks),))
        place = f"{self._key}:b"
        done = yield from waiting(self._session, attempt, give_up, timeout, time.monotonic, place)
        if done is None:
            raise queue.Full

    @operation
    def get(self, block: bool = True, timeout: float | None = None) -> Steps[T]:
        """Take the oldest item out.

        Args:
            block: wait for one.
            timeout: at most so many seconds; None: as long as it takes.

        Raises:
            queue.Empty: there was none.
            ValueError: the queue was closed in this process.
            StateLost: it is not there any more.
        """
        self._check_open()
        stay = block and (timeout is None or timeout > 0)
        attempt = Run(lua.GET, (self._key,), (int(stay),))
        if not stay:
            reply = yield attempt
            done = reply if reply[0] == 1 else None
        else:
            give_up = Run(lua.GET_GIVE_UP, (self._key,))
            done = yield from waiting(self._session, attempt, give_up, timeout, time.monotonic)
        if done is None:
            raise queue.Empty
        item: T = self._session.unseal(self._key, done[1])
        return item

    @operation
    def qsize(self) -> Steps[int]:
        """Return how many items are in it."""
        count: int = yield Run(lua.COUNT, (self._key,))
        return count

    @operation
    def empty(self) -> Steps[bool]:
        """Return whether there is no item in it.

        Raises:
            OSError: this process has put something in it, and closed it.
        """
        if self._closed and self._written:  # as the standard library's, for what it is worth
            raise OSError("handle is closed")
        count: int = yield Run(lua.COUNT, (self._key,))
        return count == 0

    @operation
    def full(self) -> Steps[bool]:
        """Return whether it holds as many items as it may."""
        count: int = yield Run(lua.COUNT, (self._key,))
        return 0 < self._maxsize <= count

    @operation
    def get_nowait(self) -> Steps[T]:
        """Take the oldest item out, without waiting; see `get`."""
        return (yield from _Queue.get.steps(self, False))

    @operation
    def put_nowait(self, obj: T) -> Steps[None]:
        """Add an item, without waiting; see `put`."""
        return (yield from _Queue.put.steps(self, obj, False))

    def close(self) -> None:
        """Use it no more in this process; others may go on."""
        self._closed = True

    def join_thread(self) -> None:
        """Return: what was put in is there already.

        Raises:
            ValueError: it was not closed.
        """
        if not self._closed:
            raise ValueError(f"Queue {self!r} not closed")

    def cancel_join_thread(self) -> None:
        """Return: nothing is ever waited for at the end of a process."""


class Queue(_Queue[T]):
    """A queue; see `multiprocessing.Queue`. What was put in is there when `put` returns."""

    # Lithops' names of the errors, for programs that catch them by the queue.
    Empty = queue.Empty
    Full = queue.Full


class AsyncQueue(AsyncShared, _Queue[T]):
    """`Queue` for event loops."""


class _Joinable(_Queue[T]):
    counts_tasks = True

    @operation
    def task_done(self) -> Steps[None]:
        """Say that an item that was taken out has been dealt with.

        Raises:
            ValueError: this was said more often than items were put in.
        """
        if (yield Run(lua.TASK_DONE, (self._key,))) < 0:
            raise ValueError("task_done() called too many times")

    @operation
    def join(self) -> Steps[None]:
        """Wait until every item that was put in has been dealt with."""
        attempt = Run(lua.JOIN, (self._key,))
        place = f"{self._key}:x"
        leave = Run(lua.JOIN_LEAVE, (self._key,))
        yield from waiting(self._session, attempt, leave, None, time.monotonic, place)


class JoinableQueue(_Joinable[T]):
    """A queue that can be waited for; see `multiprocessing.JoinableQueue`."""


class AsyncJoinableQueue(AsyncShared, _Joinable[T]):
    """`JoinableQueue` for event loops."""


class SimpleQueue(_Queue[T]):
    """A queue; see `multiprocessing.SimpleQueue`."""

    def __init__(self, **place: Any) -> None:
        super().__init__(0, **place)

    def close(self) -> None:
        """Use it no more in this process; others may go on."""
        self._closed = self._written = True

    def __enter__(self) -> SimpleQueue[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncSimpleQueue(AsyncShared, _Queue[T]):
    """`SimpleQueue` for event loops."""

    def __init__(self, **place: Any) -> None:
        super().__init__(0, **place)


def _one(step: Any) -> Steps[Any]:
    return (yield step)
