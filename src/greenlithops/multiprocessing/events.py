"""Conditions, events and barriers that processes on different machines share."""

from __future__ import annotations

import inspect
import time
from threading import BrokenBarrierError
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.state.steps import Await, Run, Steps
from greenlithops.multiprocessing import events_lua as lua
from greenlithops.multiprocessing import locks_lua
from greenlithops.multiprocessing.shared import AsyncShared, Shared, operation, waiting
from greenlithops.multiprocessing.synchronize import (
    AsyncRLock,
    Hold,
    Lockable,
    RLock,
    settle,
)

if TYPE_CHECKING:
    from collections.abc import Callable

EVERYBODY = 1 << 30


class _Condition(Shared):
    """Waiting for news, under a lock."""

    kind = "condition"
    lock_class: type[Lockable]

    def __init__(self, lock: Any = None, **place: Any) -> None:
        if lock is not None:
            place["session"] = lock._session  # noqa: SLF001 - our own
        super().__init__(**place)
        self._lock = self.lock_class(session=self._session) if lock is None else lock
        self._session.run(_one(Run(lua.MAKE, (self._key,), ("is", "condition"))))

    def _state(self) -> dict[str, Any]:
        return {"_lock": self._lock}

    @property
    def acquire(self) -> Any:
        """The lock's `acquire`."""
        return self._lock.acquire

    @property
    def release(self) -> Any:
        """The lock's `release`."""
        return self._lock.release

    def _check_owner(self) -> None:
        if not self._lock.is_mine():
            raise AssertionError("the condition's lock must be held for this")

    @operation
    def wait(self, timeout: float | None = None) -> Steps[bool]:
        """Let go of the lock, wait until notified, and take the lock again.

        Returns whether it was notified within `timeout` seconds.

        Raises:
            AssertionError: the lock is not held.
        """
        self._check_owner()
        lock = self._lock
        hold: Hold = self._session.held.pop(lock._key)  # noqa: SLF001 - our own
        attempt = Run(locks_lua.WAIT, (self._key, lock._key), (hold.fence,))  # noqa: SLF001 - our own
        try:
            leave = Run(locks_lua.LEAVE, (self._key,))
            reply = yield from waiting(self._session, attempt, leave, timeout, time.monotonic)
        finally:
            taken = yield from lock._taken(True, None)  # noqa: SLF001 - our own
            hold.fence = taken[1].decode() if isinstance(taken[1], bytes) else str(taken[1])
            self._session.held[lock._key] = hold  # noqa: SLF001 - our own
        if reply is not None and reply[0] < 0:
            settle(reply[0], lock)
        return reply is not None

    @operation
    def notify(self, n: int = 1) -> Steps[None]:
        """Wake `n` of those who wait.

        Raises:
            AssertionError: the lock is not held.
        """
        self._check_owner()
        yield Run(locks_lua.NOTIFY, (self._key,), (n,))

    @operation
    def notify_all(self, msg: object = None) -> Steps[None]:  # noqa: ARG002 - Lithops' parameter
        """Wake all who wait; see `notify`. `msg` is accepted; nobody gets it."""
        self._check_owner()
        yield Run(locks_lua.NOTIFY, (self._key,), (EVERYBODY,))


class Condition(_Condition):
    """A condition; see `multiprocessing.Condition`."""

    lock_class = RLock

    def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:
        """Wait until `predicate()` is true, at most `timeout` seconds; return its last value."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while not (result := predicate()):
            left = None if deadline is None else deadline - time.monotonic()
            if left is not None and left <= 0:
                break
            self.wait(left)
        return result

    def __enter__(self) -> bool:
        result: bool = self._lock.acquire()
        return result

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class AsyncCondition(AsyncShared, _Condition):
    """`Condition` for event loops."""

    lock_class = AsyncRLock

    async def wait_for(self, predicate: Callable[[], Any], timeout: float | None = None) -> Any:  # noqa: ASYNC109 - the standard library's name
        """Wait until `predicate()` (which may be awaitable) is true; return its last value."""
        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            result = predicate()
            if inspect.isawaitable(result):
                result = await result
            left = None if deadline is None else deadline - time.monotonic()
            if result or (left is not None and left <= 0):
                return result
            await self.wait(left)

    async def __aenter__(self) -> Self:
        await self.acquire()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.release()


class _Event(Shared):
    kind = "event"

    def __init__(self, **place: Any) -> None:
        super().__init__(**place)
        self._session.run(_one(Run(lua.MAKE, (self._key,), ("set", 0))))

    @operation
    def is_set(self) -> Steps[bool]:
        """Return whether it is set."""
        return bool((yield Run(lua.IS_SET, (self._key,))))

    @operation
    def set(self) -> Steps[None]:
        """Set it, and wake all who wait for that."""
        yield Run(lua.SET, (self._key,))

    @operation
    def clear(self) -> Steps[None]:
        """Make it unset."""
        yield Run(lua.CLEAR, (self._key,))

    @operation
    def wait(self, timeout: float | None = None) -> Steps[bool]:
        """Wait until it is set; return whether it was within `timeout` seconds."""
        attempt = Run(lua.AWAIT_SET, (self._key,))
        leave = Run(locks_lua.LEAVE, (self._key,))
        reply = yield from waiting(self._session, attempt, leave, timeout, time.monotonic)
        return reply is not None


class Event(_Event):
    """An event; see `multiprocessing.Event`."""


class AsyncEvent(AsyncShared, _Event):
    """`Event` for event loops."""


class _Barrier(Shared):
    kind = "barrier"

    def __init__(
        self,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
        **place: Any,
    ) -> None:
        if parties < 1:
            raise ValueError("parties must be > 0")
        super().__init__(**place)
        self._parties, self._action, self._timeout = parties, action, timeout
        about = ("state", "open", "count", 0, "parties", parties)
        self._session.run(_one(Run(lua.MAKE, (self._key,), about)))

    def _state(self) -> dict[str, Any]:
        own = ("_parties", "_action", "_timeout")
        return {name: getattr(self, name) for name in own}

    @property
    def parties(self) -> int:
        """How many must come."""
        return self._parties

    @operation
    def wait(self, timeout: float | None = None) -> Steps[int]:
        """Wait until all have come; return a number from 0 that each of them has alone.

        Raises:
            BrokenBarrierError: somebody's time was up, or it was reset or aborted.
        """
        seconds = self._timeout if timeout is None else timeout
        arrive = Run(lua.ARRIVE, (self._key,), (int(self._action is not None),))
        while True:
            place, answer = yield from self._arrived(arrive, seconds)
            if answer == "again":
                continue
            if answer == "broken":
                raise BrokenBarrierError
            return place

    def _arrived(self, arrive: Run, seconds: float | None) -> Steps[tuple[int, str]]:
        deadline = time.monotonic() + (1e9 if seconds is None else seconds)
        reply = yield arrive
        again = Run(arrive.script, arrive.keys, (*arrive.arguments, "again"))
        place = int(reply[2]) if len(reply) > 2 else 0  # noqa: PLR2004 - the scripts' reply
        if reply[0] == 2:  # noqa: PLR2004 - the scripts' reply
            return (yield from self._act(int(reply[1])))
        try:
            while reply[0] == 0:
                left = deadline - time.monotonic()
                if left <= 0:
                    reply = yield Run(lua.BREAK, (self._key,), ("late",))
                    break
                answer = yield Await(self._key, min(left, self._session.terms.lease))
                reply = [1, answer] if answer is not None else (yield again)
        except BaseException:
            yield Run(lua.BREAK, (self._key,))
            raise
        text = reply[1].decode() if isinstance(reply[1], bytes) else str(reply[1])
        return (int(text), "go") if text.isdigit() else (place, text)

    def _act(self, place: int) -> Steps[tuple[int, str]]:
        assert self._action is not None  # noqa: S101 - the script was told that there is one
        try:
            self._action()
        except BaseException:
            yield Run(lua.BREAK, (self._key,))
            raise
        yield Run(lua.ACTED, (self._key,))
        return place, "go"

    @operation
    def reset(self) -> Steps[None]:
        """Make it as new; those who wait get `BrokenBarrierError`."""
        yield Run(lua.RESET, (self._key,))

    @operation
    def abort(self) -> Steps[None]:
        """Break it: those who wait, or come, get `BrokenBarrierError`."""
        yield Run(lua.BREAK, (self._key,))

    @operation
    def about(self) -> Steps[tuple[bool, int]]:
        """Return whether it is broken, and how many wait."""
        state, count = yield Run(lua.ABOUT, (self._key,))
        return state == b"broken", count


class Barrier(_Barrier):
    """A barrier; see `multiprocessing.Barrier`."""

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return self.about()[1]

    @property
    def broken(self) -> bool:
        """Whether it is broken."""
        return self.about()[0]


class AsyncBarrier(AsyncShared, _Barrier):
    """`Barrier` for event loops."""


def _one(step: Any) -> Steps[Any]:
    return (yield step)
