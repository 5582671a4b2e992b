"""Values and arrays of C types that processes on different machines share."""

from __future__ import annotations

import ctypes
from typing import Any

from greenlithops.multiprocessing.ctype_views import (
    Memory,
    SharedArray,
    SharedString,
    SharedStructure,
    SharedValue,
    Synchronized,
    SynchronizedArray,
    SynchronizedString,
    SynchronizedStructure,
    SynchronizedValue,
    View,
    view_of,
)
from greenlithops.multiprocessing.synchronize import RLock

__all__ = [
    "TYPECODES",
    "Array",
    "RawArray",
    "RawValue",
    "SharedArray",
    "SharedString",
    "SharedStructure",
    "SharedValue",
    "Synchronized",
    "SynchronizedArray",
    "SynchronizedString",
    "SynchronizedStructure",
    "SynchronizedValue",
    "Value",
    "copy",
    "synchronized",
]

TYPECODES: dict[str, Any] = {
    "c": ctypes.c_char, "u": ctypes.c_wchar,
    "b": ctypes.c_byte, "B": ctypes.c_ubyte,
    "h": ctypes.c_short, "H": ctypes.c_ushort,
    "i": ctypes.c_int, "I": ctypes.c_uint,
    "l": ctypes.c_long, "L": ctypes.c_ulong,
    "q": ctypes.c_longlong, "Q": ctypes.c_ulonglong,
    "f": ctypes.c_float, "d": ctypes.c_double,
}  # fmt: skip


def _type_of(typecode_or_type: Any) -> Any:
    if isinstance(typecode_or_type, str):
        try:
            return TYPECODES[typecode_or_type]
        except KeyError:
            raise TypeError(f"unknown typecode {typecode_or_type!r}") from None
    return typecode_or_type


def _made(initial: Any, lock: Any) -> Any:
    if lock is True or lock is None:
        lock = RLock()
    elif lock is not False and not hasattr(lock, "acquire"):
        raise AttributeError(f"{lock!r} has no method 'acquire'")
    memory = Memory(bytes(initial))
    return view_of(memory, type(initial), 0, None if lock is False else lock)


def _initial_array(typecode_or_type: Any, size_or_initializer: Any) -> Any:
    kind = _type_of(typecode_or_type)
    if isinstance(size_or_initializer, int):
        if size_or_initializer < 0:
            raise ValueError("Array length must be >= 0")
        return (kind * size_or_initializer)()
    values = size_or_initializer
    if not hasattr(values, "__len__"):
        values = list(values)
    return (kind * len(values))(*values)


def _initial(typecode_or_type: Any, args: tuple[Any, ...], initial_value: Any) -> Any:
    given = args if initial_value is None else (*args, initial_value)
    return _type_of(typecode_or_type)(*given)


def RawValue(typecode_or_type: Any, *args: Any, initial_value: Any = None) -> Any:  # noqa: N802 - the standard library's name
    """Return a shared object of a C type without a lock; see `Value` for the arguments."""
    return _made(_initial(typecode_or_type, args, initial_value), lock=False)


def Value(  # noqa: N802 - see above
    typecode_or_type: Any,
    *args: Any,
    lock: Any = True,
    ctx: object = None,  # noqa: ARG001 - the standard library's parameter
    initial_value: Any = None,
) -> Any:
    """Return a shared object of a C type; see `multiprocessing.Value`.

    Args:
        typecode_or_type: a type of `ctypes`, or a code of the module `array`.
        *args: what the type is called with.
        lock: True for an `RLock` of its own, a lock, or False for none.
        ctx: accepted.
        initial_value: another way to give the one argument.
    """
    return _made(_initial(typecode_or_type, args, initial_value), lock)


def RawArray(typecode_or_type: Any, size_or_initializer: Any) -> Any:  # noqa: N802 - see above
    """Return a shared array without a lock; see `multiprocessing.RawArray`."""
    return _made(_initial_array(typecode_or_type, size_or_initializer), lock=False)


def Array(  # noqa: N802 - see above
    typecode_or_type: Any,
    size_or_initializer: Any,
    *,
    lock: Any = True,
    ctx: object = None,  # noqa: ARG001 - the standard library's parameter
) -> Any:
    """Return a shared array; see `multiprocessing.Array`, and `Value` for the arguments."""
    return _made(_initial_array(typecode_or_type, size_or_initializer), lock)


def synchronized(obj: View, lock: Any = None, ctx: object = None) -> Any:  # noqa: ARG001 - see above
    """Return the same shared object with a lock around it; by default one of its own."""
    if isinstance(obj, Synchronized):
        raise TypeError("this object has a lock already")
    return view_of(obj._memory, obj._type, obj._offset, lock or RLock())  # noqa: SLF001 - our own


def copy(obj: Any) -> Any:
    """Return what an object, shared or of `ctypes`, is now, as an object of `ctypes`."""
    if isinstance(obj, View):
        return obj._copy()  # noqa: SLF001 - our own
    return type(obj).from_buffer_copy(obj)


# Lithops' names.
RawValueProxy, SynchronizedValueProxy = SharedValue, SynchronizedValue
RawArrayProxy, SynchronizedArrayProxy = SharedArray, SynchronizedArray
SynchronizedStringProxy = SynchronizedString
SharedCTypeProxy, SynchronizedSharedCTypeProxy = View, Synchronized
typecode_to_type = TYPECODES
