"""What every worker of this package does first: take its name, the parameters and the state."""

from __future__ import annotations

import functools
import os
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any

from greenlithops.multiprocessing import config, identity, session

if TYPE_CHECKING:
    from collections.abc import Callable

_globals: dict[str, dict[str, Any]] = {}  #: by module, what the initializer knew and left behind


def worker_initializer(
    kind: str, then: Callable[..., object] | None, arguments: tuple[Any, ...]
) -> tuple[Callable[..., object], tuple[Any, ...]]:
    """Return an initializer, and its arguments, that calls `then` last."""
    about = kind, identity.myself(), config.everything(), session.known()
    return begin, (*about, then, arguments)


def begin(  # noqa: PLR0917 - an initializer has positional arguments
    kind: str,
    parent: identity.Parent,
    parameters: dict[str, Any],
    shared: session.Session | None,
    then: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> None:
    """Be a worker."""
    config.update(parameters)
    identity.become(f"{kind}-{os.getpid()}", parent)
    session.adopt(shared)
    if then is None:
        return
    inner = _plain(then)
    then(*arguments)
    if inner is not None:
        values = inner.__globals__.items()
        _globals[inner.__module__] = {n: v for n, v in values if not n.startswith("__")}


def see_assigned(function: Callable[..., Any]) -> None:
    """Let a function see what the initializer has made of the globals of their module.

    Functions of the user's own modules travel by value, each with globals of its own.
    """
    inner = _plain(function)
    if inner is not None and inner.__module__ in _globals:
        inner.__globals__.update(_globals[inner.__module__])


def _plain(function: Any) -> FunctionType | None:
    """Return the function that a callable consists of, if it was written in Python."""
    while isinstance(function, functools.partial):
        function = function.func
    if not isinstance(function, (FunctionType, MethodType)) and callable(function):
        function = type(function).__call__
    function = getattr(function, "__func__", function)
    return function if isinstance(function, FunctionType) else None
