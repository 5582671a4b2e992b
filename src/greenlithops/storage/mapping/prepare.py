"""Functions made ready for workers that fill their parameter ``storage``."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.plan import STORAGE, is_async, reserved
from greenlithops.storage.mapping.call import PreparedCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.mapping.call import ObjectArgument


def prepared(
    function: Callable[..., Any], storage: AsyncStorage, objects: ObjectArgument | None = None
) -> PreparedCall:
    """Return a function as workers call it.

    Args:
        function: the user's.
        storage: what its parameter ``storage`` gets, if it has one: a coroutine function gets
            an `AsyncStorage`, any other the synchronous face of it.
        objects: how the parameter ``obj`` is filled.
    """
    coroutine = is_async(function)
    wanted: bytes | None = None
    if STORAGE in reserved(function):
        wanted = pickle.dumps(storage if coroutine else _synchronous(storage))
    return PreparedCall(function, storage=wanted, objects=objects, coroutine=coroutine)


def _synchronous(storage: AsyncStorage) -> Any:
    from importlib import import_module  # noqa: PLC0415 - only if there is such a parameter

    # The synchronous face stands above this layer; it is found by its name.
    return import_module("greenlithops.sync.storage").Storage.like(storage)
