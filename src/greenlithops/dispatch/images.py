"""Functions that were pickled before: one that cannot have changed is not pickled again."""

from __future__ import annotations

import collections
import operator
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.modules import OWN, is_local, travels_by_value
from greenlithops.dispatch.serialize import ClassBook, FunctionImage, pack_function

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 64
_CONSTANTS = (int, float, str, bytes, bool, complex, type(None))

Fingerprint = tuple[object, ...]


def fingerprint(function: Any) -> Fingerprint | None:
    """Return all that a plain function refers to, or None if that may change.

    Data that can change while its identity stays (a list, an instance, a class of the user's
    own) makes a function different without a trace, so there is no fingerprint for it.
    """
    found: list[object] = []
    return tuple(found) if _collect(function, found, set()) else None


def _collect(function: Any, found: list[object], seen: set[int]) -> bool:  # noqa: C901 - one rule a line
    if id(function) in seen:
        return True
    seen.add(id(function))
    if type(function) is not FunctionType or function.__closure__ or function.__dict__:
        return False
    found += (function, function.__code__)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if not isinstance(default, _CONSTANTS):
            return False
        found.append(default)
    names = function.__globals__
    for name in _names(function.__code__):
        if name not in names:
            continue
        value = names[name]
        found.append(value)
        if isinstance(value, (*_CONSTANTS, BuiltinFunctionType)):
            continue
        if isinstance(value, ModuleType):
            if is_local(value):
                return False
        elif isinstance(value, type):
            if travels_by_value(value):
                return False
        elif not _collect(value, found, seen):
            return False
    return True


def _names(code: CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _names(constant)
    return names


def _same(one: Fingerprint, other: Fingerprint) -> bool:
    return len(one) == len(other) and all(map(operator.is_, one, other))


class ImageCache:
    """The images of the functions that were used last."""

    def __init__(self) -> None:
        self._images: collections.OrderedDict[int, tuple[Fingerprint, FunctionImage]] = (
            collections.OrderedDict()
        )

    def image(self, function: Callable[..., Any], book: ClassBook) -> FunctionImage:
        """Return the pickled function; the user's own classes in it go to `book`.

        Raises:
            FunctionNotSerializable: it cannot be pickled.
        """
        mark = fingerprint(function) if book.choice == OWN else None
        if mark is None:
            return pack_function(function, book)
        kept = self._images.get(id(function))
        if kept is not None and _same(kept[0], mark):
            self._images.move_to_end(id(function))
            return kept[1]
        image = pack_function(function, book)
        if book.definitions:
            return image  # it names classes that every job must look at anew
        self._images[id(function)] = (mark, image)
        if len(self._images) > KEPT:
            self._images.popitem(last=False)
        return image
