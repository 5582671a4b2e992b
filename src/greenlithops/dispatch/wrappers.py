"""What functions are that tell another one's signature: what they take is not what they say."""

from __future__ import annotations

import dis
import functools
import inspect
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType


def tells(function: Callable[..., Any]) -> bool:
    """Return whether a callable tells a signature that may not be its own."""
    return hasattr(function, "__wrapped__") or hasattr(function, "__signature__")


def names_none(function: Callable[..., Any], names: frozenset[str]) -> bool:
    """Return whether a function surely has no such parameters; a fiftieth of a signature's cost.

    That is so of most functions. Those that tell another one's signature are not asked.
    """
    code = getattr(function, "__code__", None)
    return code is not None and not tells(function) and names.isdisjoint(code.co_varnames)


def needs_names(function: Callable[..., Any]) -> bool:
    """Return whether values that a wrapper gets by position would be lost, or refused.

    Lithops gives everything by name, so its users' wrappers may take names alone.
    """
    inner: Any = function
    while not tells(inner) or _is_ours(inner):
        if not (_is_ours(inner) or (isinstance(inner, functools.partial) and not inner.args)):
            return False
        inner = inner.func
    own = inner
    if not hasattr(inner, "__code__"):
        own = getattr(type(inner), "__call__", None)  # noqa: B004 - the method itself is looked at
    code = getattr(own, "__code__", None)
    return code is not None and _ignores_places(code, skipped=0 if own is inner else 1)


def _is_ours(function: Callable[..., Any]) -> bool:
    return type(function).__module__.startswith("greenlithops.") and hasattr(function, "func")


def _ignores_places(code: CodeType, skipped: int) -> bool:
    if not code.co_flags & inspect.CO_VARKEYWORDS or code.co_argcount > skipped:
        return False
    if not code.co_flags & inspect.CO_VARARGS:
        return True
    name = code.co_varnames[code.co_argcount + code.co_kwonlyargcount]
    uses = (one.argval for one in dis.get_instructions(code))
    return not any(name == use or (isinstance(use, tuple) and name in use) for use in uses)
