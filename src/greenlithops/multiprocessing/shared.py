"""What every shared object is: a key on the server, operations on it, and its way to workers."""

from __future__ import annotations

import functools
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    ParamSpec,
    Protocol,
    Self,
    TypeVar,
    cast,
    overload,
)

from greenlithops.backends.state.steps import Await, Run, Steps
from greenlithops.multiprocessing import session as sessions

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from greenlithops.multiprocessing.session import Session

P = ParamSpec("P")
T = TypeVar("T")
S = TypeVar("S")

MAX_SECONDS = 1e9  #: as good as for ever


class Shared:
    """An object whose state is on the server; copies in other processes are the same object.

    Its operations block. `AsyncShared` has the same ones for event loops.
    """

    kind = "object"

    def __init__(
        self,
        *,
        session: Session | None = None,
        key: str | None = None,
        ctx: object = None,  # noqa: ARG002 - the standard library's parameter; there is one context
    ) -> None:
        self._session = session or sessions.current()
        self._key = key or self._session.new_key(self.kind)
        self._session.keep(self)

    @classmethod
    def _found(cls, session: Session, key: str, state: dict[str, Any]) -> Self:
        """Return the object in this process that another process told of."""
        shared = cls.__new__(cls)
        shared.__dict__.update(state)
        Shared.__init__(shared, session=session, key=key)
        return shared

    def _state(self) -> dict[str, Any]:
        """Return what travels besides the key."""
        return {}

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self._session, self._key, self._state())

    def _carry_out(self, steps: Steps[Any]) -> Any:
        return self._session.run(steps)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._key}>"


class AsyncShared(Shared):
    """An object whose operations are awaited; making it blocks for one round trip."""

    def _carry_out(self, steps: Steps[Any]) -> Coroutine[Any, Any, Any]:
        return self._session.arun(steps)


def _rebuild(cls: type[Shared], session: Session, key: str, state: dict[str, Any]) -> Shared:
    return cls._found(session, key, state)


class Operation(Protocol[P, T]):
    """A method as `operation` makes it: blocking, or awaited, as its object's class has it."""

    steps: Callable[..., Steps[T]]

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(
        self, instance: AsyncShared, owner: type
    ) -> Callable[P, Coroutine[Any, Any, T]]: ...
    @overload
    def __get__(self, instance: Any, owner: type) -> Callable[P, T]: ...


def operation(function: Callable[Concatenate[S, P], Steps[T]]) -> Operation[P, T]:
    """Return the method that carries out the steps that `function` gives; they stay with it.

    It is an ordinary function, so that bound methods are equal, and travel by their names.
    """

    @functools.wraps(function)
    def method(shared: Any, /, *args: P.args, **kwargs: P.kwargs) -> Any:
        return shared._carry_out(function(shared, *args, **kwargs))  # noqa: SLF001 - a part of the class

    method.steps = function  # type: ignore[attr-defined]  # functions take attributes
    return cast("Operation[P, T]", method)


def waiting(  # noqa: PLR0917 - all of them belong to one wait
    session: Session,
    attempt: Run,
    give_up: Run,
    seconds: float | None,
    clock: Callable[[], float],
    place: str | None = None,
) -> Steps[Any]:
    """Try until it succeeds or the time is up; return the reply, or None.

    The script of `attempt` replies with ``{1, …}`` when it is done, or ``{0, ms}`` after it has
    put itself on the list of those who wait, with the time after which to look again: whether a
    holder has died, or the object is gone. `give_up` takes it from the list again, and replies
    as `attempt` if it had been successful meanwhile. Answers come to `place`, by default the
    object's own.
    """
    deadline = clock() + min(MAX_SECONDS if seconds is None else seconds, MAX_SECONDS)
    reply = yield attempt
    if reply[0] != 0:
        return reply
    again = Run(attempt.script, attempt.keys, (*attempt.arguments, "again"))
    try:
        while reply[0] == 0:
            left = deadline - clock()
            if left <= 0:
                reply = yield give_up
                return reply if reply[0] == 1 else None
            pause = min(left, int(reply[1]) / 1000, session.terms.lease)
            answer = yield Await(place or attempt.keys[0], pause)
            if answer is not None:
                return [1, answer]
            reply = yield again
    except BaseException:
        # Interrupted, or cancelled: what may have been given must not stay with nobody.
        yield Run(give_up.script, give_up.keys, (*give_up.arguments, "undo"))
        raise
    return reply
