"""`PRE_RUN` and `POST_RUN`: functions that run in the worker before and after every call."""

from __future__ import annotations

import functools
import os
import pydoc
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

BEFORE, AFTER = "PRE_RUN", "POST_RUN"


def around(function: Callable[..., Any], environment: Mapping[str, object]) -> Callable[..., Any]:
    """Return a function that calls what the environment names around every call.

    Args:
        function: what calls run.
        environment: the variables around calls; those of this process count, too.
    """
    names = [environment.get(name) or os.environ.get(name) for name in (BEFORE, AFTER)]
    if not any(names):
        return function
    before, after = (None if name is None else str(name) for name in names)
    if plan.is_async(function):

        async def call_async(*args: Any, **kwargs: Any) -> Any:
            run(BEFORE, before)
            value = await function(*args, **kwargs)
            run(AFTER, after)
            return value

        return functools.update_wrapper(call_async, function)

    def call(*args: Any, **kwargs: Any) -> Any:
        run(BEFORE, before)
        value = function(*args, **kwargs)
        run(AFTER, after)
        return value

    return functools.update_wrapper(call, function)


def run(variable: str, name: str | None) -> None:
    """Call, in a worker, the function of a dotted name.

    Raises:
        UsageError: there is no such function.
    """
    if name is None:
        return
    found = pydoc.locate(name)
    if not callable(found):
        raise UsageError(f"{variable} names {name!r}, which is no function that workers can import")
    found()
