"""What an initializer assigns to globals, for functions that reach the worker later.

Functions of the user's own modules travel by value, each with globals of its own; in a process
that imports its modules they would share them.
"""

from __future__ import annotations

import functools
import sys
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

#: what does not change while it stays the same object
_FIXED = (
    *(int, float, str, bytes, bool, complex, type(None)),
    *(type, ModuleType, FunctionType, BuiltinFunctionType),
)


class Assigned:
    """What the initializer of a worker has assigned or filled, by module."""

    def __init__(self) -> None:
        self._values: dict[str, dict[str, Any]] = {}

    def run(self, initializer: Callable[[], object]) -> None:
        """Call an initializer; remember what it has made of the globals that travelled with it."""
        spaces = {
            function.__module__: (function.__globals__, dict(function.__globals__))
            for function in travelled(initializer)
        }
        initializer()
        for module, (space, before) in spaces.items():
            self._values[module] = {
                name: value
                for name, value in space.items()
                if not name.startswith("__")
                and not (isinstance(value, _FIXED) and name in before and before[name] is value)
            }

    def show(self, call: Callable[..., Any]) -> None:
        """Let a function, and those that it refers to, see what was assigned."""
        if self._values:
            for function in travelled(call):
                function.__globals__.update(self._values.get(function.__module__, {}))


def travelled(call: Any) -> Iterator[FunctionType]:
    """Give the functions that a callable consists of and refers to, as far as they came by value.

    It looks into partials with their arguments, methods, callable instances, and globals.
    """
    todo, seen = [call], {id(call)}
    while todo:
        item = todo.pop()
        if isinstance(item, functools.partial):
            found: list[Any] = [item.func, *item.args, *item.keywords.values()]
        elif isinstance(item, MethodType):
            found = [item.__func__]
        elif isinstance(item, (tuple, list)):
            found = list(item)
        elif not isinstance(item, FunctionType):
            found = [getattr(type(item), "__call__", None)]  # noqa: B004 - the method is looked at
        elif item.__globals__ is vars(sys.modules.get(item.__module__, item)):
            found = []  # it was imported
        else:
            yield item
            found = [v for v in item.__globals__.values() if isinstance(v, FunctionType)]
        todo += [part for part in found if id(part) not in seen]
        seen.update(map(id, found))
