"""Functions made ready for workers that fill their parameter ``storage``."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.plan import STORAGE, reserved
from greenlithops.storage.mapping.call import PreparedCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.storage.async_storage import AsyncStorage


def filled(function: Callable[..., Any], storage: AsyncStorage) -> PreparedCall:
    """Return a function whose parameter ``storage`` gets the face of a storage."""
    return PreparedCall(function, storage=storage_argument(function, storage))


def storage_argument(function: Callable[..., Any], storage: AsyncStorage) -> bytes | None:
    """Return what the parameter ``storage`` gets, pickled; None if there is no such parameter."""
    if STORAGE not in reserved(function):
        return None
    from importlib import import_module  # noqa: PLC0415 - only if there is such a parameter

    # The synchronous face stands above this layer; it is found by its name.
    face = import_module("greenlithops.sync.storage").Storage.like(storage)
    return pickle.dumps(face)
