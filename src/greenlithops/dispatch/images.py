"""Functions that were pickled before: one that cannot have changed is not pickled again."""

from __future__ import annotations

import collections
import functools
import sys
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.modules import OWN, is_local, travels_by_value
from greenlithops.dispatch.serialize import ClassBook, FunctionImage, pack_function

if TYPE_CHECKING:
    from collections.abc import Callable

KEPT = 64
KEPT_BYTES = 256 * 1024  #: a larger image is made anew each time rather than kept
_CONSTANTS = (int, float, str, bytes, bool, complex, type(None))

Fingerprint = tuple[object, ...]


def fingerprint(function: Any) -> Fingerprint | None:
    """Return all that a plain function refers to, or None if that may change.

    Data that can change while its identity stays (a list, an instance, a class of the user's
    own) makes a function different without a trace, so there is no fingerprint for it.
    """
    found: list[object] = []
    return tuple(found) if _collect(function, found, set()) else None


def _collect(function: Any, found: list[object], seen: set[int]) -> bool:
    if id(function) in seen:
        return True
    seen.add(id(function))
    if type(function) is functools.partial:
        return _collect_partial(function, found, seen)
    if _is_of_interpreter(function):
        found.append(function)
        return True
    if type(function) is not FunctionType:
        return False
    if _is_imported(function):
        found.append(function)
        return True
    if function.__closure__ or function.__dict__:
        return False
    found += (function, function.__code__)
    for default in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        if not isinstance(default, _CONSTANTS):
            return False
        found.append(default)
    names = function.__globals__
    used = [names[name] for name in _names(function.__code__) if name in names]
    return all(_collect_value(value, found, seen) for value in used)


def _collect_partial(function: functools.partial[Any], found: list[object], seen: set[int]) -> bool:
    parts: list[object] = [function.func, *function.args]
    for names in (function.keywords, function.__dict__):
        parts += (len(parts), *names, *names.values())  # the numbers say where each part ends
    return all(_collect_value(value, found, seen) for value in parts)


def _collect_value(value: Any, found: list[object], seen: set[int]) -> bool:
    """Note what a function refers to; return whether it can be noted."""
    found.append(value)
    if isinstance(value, _CONSTANTS):
        return True
    if isinstance(value, ModuleType):
        return not is_local(value)
    if isinstance(value, type):
        return not travels_by_value(value)
    return _collect(value, found, seen)


def _is_of_interpreter(function: Any) -> bool:
    """Return whether it is a built-in function, not a method that is bound to some object."""
    return isinstance(function, BuiltinFunctionType) and (
        function.__self__ is None or isinstance(function.__self__, ModuleType)
    )


def _is_imported(function: FunctionType) -> bool:
    """Return whether workers import a function, so that only its name travels."""
    module = sys.modules.get(function.__module__)
    if module is None or module.__name__ == "__main__" or is_local(module):
        return False
    return getattr(module, function.__qualname__, None) is function


def _names(code: CodeType) -> list[str]:
    names = list(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names += _names(constant)
    return names


class ImageCache:
    """The images of the functions that were used last."""

    def __init__(self) -> None:
        # By the identities of all that a function refers to, which is held as long as its image.
        self._images: collections.OrderedDict[tuple[int, ...], tuple[Fingerprint, FunctionImage]]
        self._images = collections.OrderedDict()

    def image(self, function: Callable[..., Any], book: ClassBook) -> FunctionImage:
        """Return the pickled function; the user's own classes in it go to `book`.

        Raises:
            FunctionNotSerializable: it cannot be pickled.
        """
        mark = fingerprint(function) if book.choice == OWN else None
        if mark is None:
            return pack_function(function, book)
        key = tuple(map(id, mark))
        kept = self._images.get(key)
        if kept is not None:
            self._images.move_to_end(key)
            return kept[1]
        image = pack_function(function, book)
        if book.definitions or len(image.stream) > KEPT_BYTES:
            return image  # classes that it names are looked at anew by every job
        self._images[key] = (mark, image)
        if len(self._images) > KEPT:
            self._images.popitem(last=False)
        return image
