"""Locks and semaphores that processes on different machines share, under leases."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.state.steps import Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing.locks_lua import (
    ACQUIRE,
    GIVE_UP,
    MAKE,
    RELEASE,
    VALUE,
)
from greenlithops.multiprocessing.shared import AsyncShared, Shared, operation, waiting

if TYPE_CHECKING:
    from types import TracebackType

UNBOUNDED = 0


class ReleaseError(ValueError, RuntimeError):
    """A lock or semaphore was released too often: either error, as the libraries have it."""


class Units(Shared):
    """A number of units that processes take and give back.

    Args:
        value: how many there are at first.
        bound: how many there may be at most; 0: no bound.
    """

    kind = "semaphore"

    def __init__(self, value: int, bound: int, **place: Any) -> None:
        if value < 0:
            raise ValueError(f"a semaphore's value must be 0 or more, not {value}")
        super().__init__(**place)
        self._session.run(_one(Run(MAKE, (self._key,), (value, bound))))

    @operation
    def acquire(self, block: bool = True, timeout: float | None = None) -> Steps[bool]:
        """Take a unit; return whether there was one within `timeout` seconds.

        Args:
            block: wait for one.
            timeout: at most so long; None: as long as it takes.

        Raises:
            StateLost: it is not there any more.
        """
        return (yield from self._taken(block, timeout)) is not None

    def _taken(self, block: bool, timeout: float | None) -> Steps[Any]:
        seconds = timeout if block else 0.0
        stay = seconds is None or seconds > 0
        attempt = Run(ACQUIRE, (self._key,), (int(stay),))
        if not stay:
            reply = yield attempt
            return reply if reply[0] == 1 else None
        give_up = Run(GIVE_UP, (self._key,))
        return (yield from waiting(self._session, attempt, give_up, seconds, time.monotonic))

    @operation
    def release(self) -> Steps[None]:
        """Give a unit back.

        Raises:
            ValueError: there are as many as there may be.
            StateLost: it is not there any more.
        """
        reply = yield Run(RELEASE, (self._key,), ("",))
        if reply == -1:
            raise ReleaseError("semaphore or lock released too many times")

    @operation
    def get_value(self) -> Steps[int]:
        """Return how many units are free."""
        return int((yield Run(VALUE, (self._key,))))


def _one(step: Any) -> Steps[Any]:
    return (yield step)


class Entered(Shared):
    """What is entered with ``with``."""

    acquire: Any
    release: Any

    def __enter__(self) -> bool:
        result: bool = self.acquire()
        return result

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.release()


class AsyncEntered(AsyncShared):
    """What is entered with ``async with``."""

    acquire: Any
    release: Any

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.release()


class _Semaphore(Units):
    def __init__(self, value: int = 1, **place: Any) -> None:
        super().__init__(value, UNBOUNDED, **place)


class _Bounded(Units):
    def __init__(self, value: int = 1, **place: Any) -> None:
        super().__init__(value, value, **place)


class Semaphore(Entered, _Semaphore):
    """A semaphore; see `multiprocessing.Semaphore`."""


class BoundedSemaphore(Entered, _Bounded):
    """A semaphore that is not released more often than it was acquired."""


class AsyncSemaphore(AsyncEntered, _Semaphore):
    """`Semaphore` for event loops."""


class AsyncBoundedSemaphore(AsyncEntered, _Bounded):
    """`BoundedSemaphore` for event loops."""


def _who() -> tuple[int, int, int]:
    """Return who runs this: the process, the thread and, on an event loop, the task."""
    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return os.getpid(), threading.get_ident(), 0 if task is None else id(task)


class Hold:
    """Who in this process has a lock: how often, and by which grant."""

    __slots__ = ("count", "fence", "owner")

    def __init__(self, owner: tuple[int, int, int], fence: str) -> None:
        self.owner = owner
        self.fence = fence
        self.count = 1


class Lockable(Units):
    """A lock: one unit, and knowledge of who in this process has it."""

    kind = "lock"
    recursive = False

    def __init__(self, **place: Any) -> None:
        super().__init__(1, 1, **place)

    def is_mine(self) -> bool:
        """Return whether who asks holds it."""
        hold = self._session.held.get(self._key)
        return hold is not None and hold.owner == _who()

    @operation
    def acquire(self, block: bool = True, timeout: float | None = None) -> Steps[bool]:
        """Take the lock; return whether that succeeded within `timeout` seconds.

        It is held under a lease: when this process dies, or stands still for longer than
        `LEASE_TIME`, others can take it.

        Args:
            block: wait for it.
            timeout: at most so long; None: as long as it takes.

        Raises:
            StateLost: it is not there any more.
        """
        if self.recursive and self.is_mine():
            self._session.held[self._key].count += 1
            return True
        reply = yield from self._taken(block, timeout)
        if reply is None:
            return False
        self._session.held[self._key] = Hold(_who(), _text(reply[1]))
        return True

    @operation
    def release(self) -> Steps[None]:
        """Let go of it.

        Raises:
            ValueError: nobody holds it.
            AssertionError: it is recursive, and not held by who asks.
            StateLost: the lease ran out meanwhile: somebody else may have had it.
        """
        held = self._session.held
        hold = held.get(self._key)
        if self.recursive:
            if hold is None or not self.is_mine():
                raise AssertionError("attempt to release recursive lock not owned by thread")
            if hold.count > 1:
                hold.count -= 1
                return
        held.pop(self._key, None)
        fence = hold.fence if hold is not None else ""
        settle((yield Run(RELEASE, (self._key,), (fence,))), self)


def settle(reply: int, lock: Lockable) -> None:
    """Raise what a refused release stands for."""
    if reply == -1:
        raise ReleaseError("semaphore or lock released too many times")
    if reply == -2:  # noqa: PLR2004 - the scripts' reply
        raise StateLost(
            f"{lock!r} was held longer than this process was heard of: its lease of "
            f"{lock._session.terms.lease:g} s ran out, and others may have held it"  # noqa: SLF001 - our own
        )


def _text(fence: Any) -> str:
    return fence.decode() if isinstance(fence, bytes) else str(fence)


class _Recursive(Lockable):
    recursive = True


class Lock(Entered, Lockable):
    """A lock; see `multiprocessing.Lock`."""


class RLock(Entered, _Recursive):
    """A lock that its owner can take again; see `multiprocessing.RLock`."""


class AsyncLock(AsyncEntered, Lockable):
    """`Lock` for event loops."""


class AsyncRLock(AsyncEntered, _Recursive):
    """`RLock` for event loops; its owner is a task."""


SemLock = Units  #: what every lock and semaphore is, under the standard library's name


def __getattr__(name: str) -> Any:
    if name == "SEM_VALUE_MAX":  # what the standard library's semaphores count to
        from multiprocessing import synchronize  # noqa: PLC0415 - rarely wanted

        return synchronize.SEM_VALUE_MAX  # type: ignore[attr-defined]  # the stubs do not know it
    if name in {"Barrier", "Condition", "Event"}:  # the standard library has them here
        from greenlithops.multiprocessing import events  # noqa: PLC0415 - a circle

        return getattr(events, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
