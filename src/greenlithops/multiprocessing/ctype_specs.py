"""C types on their way to other processes: what they are made of; most cannot be pickled."""

from __future__ import annotations

import ctypes
import functools
from typing import Any

from greenlithops.dispatch.modules import travels_by_value

_KINDS: tuple[Any, ...] = (
    *(ctypes.BigEndianStructure, ctypes.LittleEndianStructure, ctypes.Structure, ctypes.Union),
)


def fields(ctype: Any) -> list[tuple[Any, ...]]:
    """Return the entries of ``_fields_`` of a structure or union, those of its bases first."""
    return [entry for cls in reversed(ctype.__mro__) for entry in vars(cls).get("_fields_", ())]


def described(ctype: Any) -> Any:
    """Return what `rebuilt` makes a type from: the type itself, if others can import it.

    A structure of the user's own program is described by its fields; its methods stay behind.
    """
    if issubclass(ctype, ctypes.Array):
        return "array", described(ctype._type_), ctype._length_
    if not issubclass(ctype, (ctypes.Structure, ctypes.Union)) or not travels_by_value(ctype):
        return ctype
    kind = next(kind for kind in _KINDS if issubclass(ctype, kind))
    entries = tuple((name, described(part), *bits) for name, part, *bits in fields(ctype))
    return "fields", kind, ctype.__name__, getattr(ctype, "_pack_", None), entries


@functools.cache  # so that a type stays one
def rebuilt(spec: Any) -> Any:
    """Return the type that a description is of."""
    if not isinstance(spec, tuple):
        return spec
    if spec[0] == "array":
        return rebuilt(spec[1]) * spec[2]
    _, kind, name, pack, entries = spec
    content: dict[str, Any] = {} if pack is None else {"_pack_": pack}
    content["_fields_"] = [(entry, rebuilt(part), *bits) for entry, part, *bits in entries]
    return type(kind)(name, (kind,), content)
