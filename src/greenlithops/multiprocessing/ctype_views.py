"""The parts of shared memory that have a C type: what programs read, write and lock.

Their bytes are one string on the server. Reading, or writing, an element or a slice is one round
trip, and atomic; what reads and then writes takes the object's lock.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, Any, Self

from greenlithops.backends.state.steps import Command, Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import memory_lua as lua
from greenlithops.multiprocessing.ctype_specs import described, fields, rebuilt
from greenlithops.multiprocessing.shared import Shared, operation

if TYPE_CHECKING:
    from collections.abc import Iterator

_SIMPLE: Any = ctypes.c_int.__mro__[1]


class Memory(Shared):
    """Bytes on the server."""

    kind = "memory"

    def __init__(self, content: bytes, **place: Any) -> None:
        super().__init__(**place)
        self._session.run(_one(Run(lua.MAKE, (self._key,), (content or b"\0",))))

    @operation
    def read(self, offset: int, size: int) -> Steps[bytes]:
        """Return `size` bytes from `offset` on."""
        if not size:
            return b""
        found: bytes = yield Command(("GETRANGE", self._key, offset, offset + size - 1))
        if not found:
            raise StateLost(f"{self!r} is not on the state server any more")
        return found

    @operation
    def write(self, *pieces: Any) -> Steps[None]:
        """Write bytes, all at once: an offset, what is put there, and so on."""
        yield Run(lua.WRITE, (self._key,), pieces)


class View:
    """A part of shared memory that has a C type.

    Args:
        memory: the bytes.
        ctype: the type.
        offset: where it begins.
        lock: guards it; None for a raw one.
    """

    def __init__(self, memory: Memory, ctype: Any, offset: int = 0, lock: Any = None) -> None:
        self._memory = memory
        self._type = ctype
        self._offset = offset
        self._lock = lock
        self._size = ctypes.sizeof(ctype)

    def _bytes(self) -> bytes:
        return self._memory.read(self._offset, self._size)

    def _copy(self) -> Any:
        """Return what is there now as an object of `ctypes`."""
        return self._type.from_buffer_copy(self._bytes())

    def __reduce__(self) -> tuple[Any, ...]:
        return _arrived, (type(self), self._memory, described(self._type), self._offset, self._lock)


def _arrived(cls: type[View], memory: Memory, spec: Any, offset: int, lock: Any) -> View:
    return cls(memory, rebuilt(spec), offset, lock)


class SharedValue(View):
    """One number or character, under ``value``."""

    @property
    def value(self) -> Any:
        """What it is now."""
        return self._copy().value

    @value.setter
    def value(self, value: Any) -> None:
        self._memory.write(self._offset, bytes(self._type(value)))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._type.__name__} {self._memory._key}>"  # noqa: SLF001 - our own


class SharedStructure(View):
    """A `ctypes.Structure`, whose fields are read and written one by one."""

    def __getattr__(self, name: str) -> Any:
        field = _field(self, name)
        kind = _parts(self._type)[name]
        return _part(self._memory, kind, self._offset + field.offset)

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_") or name not in _parts(self._type):
            super().__setattr__(name, value)
            return
        field = _field(self, name)
        kind = _parts(self._type)[name]
        copy = self._type()
        setattr(copy, name, value)
        content = bytes(copy)[field.offset : field.offset + ctypes.sizeof(kind)]
        self._memory.write(self._offset + field.offset, content)


def _parts(ctype: Any) -> dict[str, Any]:
    return {name: part for name, part, *_ in fields(ctype)}


def _field(view: View, name: str) -> Any:
    if name.startswith("_") or name not in _parts(view._type):  # noqa: SLF001 - our own
        raise AttributeError(f"{type(view).__name__!r} object has no attribute {name!r}")
    return getattr(view._type, name)  # noqa: SLF001 - our own


class SharedArray(View):
    """An array of a C type, with indices and slices."""

    def __len__(self) -> int:
        length: int = self._type._length_
        return length

    @property
    def _element(self) -> Any:
        return self._type._type_

    def _place(self, index: int) -> int:
        if not -len(self) <= index < len(self):
            raise IndexError("invalid index")
        return self._offset + (index % len(self)) * ctypes.sizeof(self._element)

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            if _is_simple(self._element):
                return self._copy()[index]
            return [self[place] for place in range(*index.indices(len(self)))]
        return _part(self._memory, self._element, self._place(index))

    def __setitem__(self, index: Any, value: Any) -> None:
        if not isinstance(index, slice):
            one = (self._element * 1)()
            one[0] = value
            self._memory.write(self._place(index), bytes(one))
            return
        places = range(*index.indices(len(self)))
        values = list(value) if not isinstance(value, bytes) else [bytes([v]) for v in value]
        if len(values) != len(places):
            raise ValueError("Can only assign sequence of same size")
        if not places:
            return
        if index.step in {None, 1}:
            block = (self._element * len(values))(*values)
            self._memory.write(self._place(places[0]), bytes(block))
            return
        pieces: list[Any] = []
        for place, item in zip(places, values, strict=True):
            pieces += [self._place(place), bytes((self._element * 1)(item))]
        self._memory.write(*pieces)

    def __iter__(self) -> Iterator[Any]:
        return iter(self[:])  # of structures, views: what is assigned to their fields is shared

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._element.__name__} * {len(self)}>"


class SharedString(SharedArray):
    """An array of characters, which has ``value`` up to its first zero, and ``raw``."""

    @property
    def value(self) -> Any:
        """The characters before the first zero."""
        return self._copy().value

    @value.setter
    def value(self, value: Any) -> None:
        # Only what was given is written, and a zero where there is room, as `ctypes` does.
        if len(value) > len(self):
            raise ValueError(f"{type(value).__name__} too long")
        length = min(len(value) + 1, len(self))
        block = (self._element * length)()
        block.value = value
        self._memory.write(self._offset, bytes(block))

    @property
    def raw(self) -> bytes:
        """All bytes."""
        return self._bytes()

    @raw.setter
    def raw(self, value: bytes) -> None:
        if len(value) > self._size:
            raise ValueError("byte string too long")
        self._memory.write(self._offset, bytes(value))


class Synchronized(View):
    """What a part has besides when a lock guards it."""

    def get_lock(self) -> Any:
        """Return the lock that guards it."""
        return self._lock

    def get_obj(self) -> Any:
        """Return the same without the lock's methods."""
        return view_of(self._memory, self._type, self._offset, None)

    def acquire(self, block: bool = True, timeout: float | None = None) -> bool:
        """Take the lock that guards it."""
        taken: bool = self._lock.acquire(block, timeout)
        return taken

    def release(self) -> None:
        """Let go of that lock."""
        self._lock.release()

    def __enter__(self) -> Self:
        self._lock.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self._lock.release()


class SynchronizedValue(Synchronized, SharedValue):
    """A number or character with a lock."""


class SynchronizedStructure(Synchronized, SharedStructure):
    """A structure with a lock."""


class SynchronizedArray(Synchronized, SharedArray):
    """An array with a lock."""


class SynchronizedString(Synchronized, SharedString):
    """An array of characters with a lock."""


_LOCKED: dict[type[View], type[View]] = {
    SharedValue: SynchronizedValue,
    SharedStructure: SynchronizedStructure,
    SharedArray: SynchronizedArray,
    SharedString: SynchronizedString,
}


def _part(memory: Memory, ctype: Any, offset: int) -> Any:
    """Return a part: a plain value of a simple type, or a view."""
    view = view_of(memory, ctype, offset, None)
    return view.value if type(view) is SharedValue and _is_simple(ctype) else view


def _is_simple(ctype: Any) -> bool:
    return bool(ctype.__bases__ == (_SIMPLE,))


def view_of(memory: Memory, ctype: Any, offset: int, lock: Any) -> Any:
    """Return a view of a type, with a lock's methods if there is a lock."""
    kind: type[View] = SharedValue
    if issubclass(ctype, ctypes.Array):
        text = ctype._type_ in {ctypes.c_char, ctypes.c_wchar}
        kind = SharedString if text else SharedArray
    elif issubclass(ctype, (ctypes.Structure, ctypes.Union)):
        kind = SharedStructure
    return (kind if lock is None else _LOCKED[kind])(memory, ctype, offset, lock)


def _one(step: Any) -> Steps[Any]:
    return (yield step)
