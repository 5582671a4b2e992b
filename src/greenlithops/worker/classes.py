"""The user's own classes: each travels by value once, and is named from then on.

Pickling a class by value takes a thousand times as long as pickling an instance of it, so a
stream that holds instances says `known_class` with a digest instead. Both sides know the class
under that digest, which also makes it the same class wherever a value goes and comes back to.
"""

from __future__ import annotations

import functools
import hashlib
import operator
import os
import pickle
import sys
import weakref

from greenlithops.errors import SerializationError

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Stream = tuple[bytes, list[Any]]
    NameClass = Callable[[type], bytes | None]

#: what says how the memory of a structure is laid out, in the order in which it must be known
_LAYOUT = ("_pack_", "_align_", "_anonymous_", "_fields_")

_classes: weakref.WeakValueDictionary[bytes, type] = weakref.WeakValueDictionary()
_digests: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_announced: dict[bytes, Stream] = {}
#: structures of `ctypes` that travelled, since they must stay one class each
_marks: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_marked: weakref.WeakValueDictionary[bytes, type] = weakref.WeakValueDictionary()
_Cached = type(functools.lru_cache(abs))
_kept: list[type] = []  #: classes that nothing else in a worker may hold


def known_class(digest: bytes) -> type:
    """Return the class that is known under a digest; make it, if it was only announced so far.

    Raises:
        SerializationError: there is none.
    """
    found = _classes.get(digest)
    if found is not None:
        return found
    if digest not in _announced:
        raise SerializationError("a class of the client was not sent before its instances")
    stream, buffers = _announced[digest]
    cls: type = pickle.loads(stream, buffers=buffers)
    _kept.append(cls)
    register(digest, cls)
    return cls


def digest_of(cls: type) -> bytes | None:
    """Return the digest that a class is known under, or None."""
    return _digests.get(cls)


def register(digest: bytes, cls: type) -> None:
    """Make a class known under a digest."""
    _classes[digest] = cls
    _digests[cls] = digest


def announce(digest: bytes, stream: bytes, buffers: list[Any]) -> None:
    """Take a class by value; it is made when an instance of it comes."""
    _announced[digest] = (stream, buffers)


def digest_stream(stream: bytes, buffers: list[Any]) -> bytes:
    """Return the digest of what a payload holds."""
    digest = hashlib.sha256(stream)
    for buffer in buffers:
        digest.update(buffer)
    return digest.digest()


def _lost_slots(obj: Any) -> bool:
    """Return whether an instance has a dictionary only because its class travelled.

    cloudpickle rebuilds classes without their slots, so such an instance's state would not fit
    the class that it goes back to.
    """
    cls: Any = type(obj)
    return (
        cls in _digests
        and any(base.__dict__.get("__slots__") for base in cls.__mro__[:-1])
        and not hasattr(cls, "__getnewargs__")
        and not hasattr(cls, "__getnewargs_ex__")
        and hasattr(obj, "__dict__")
        and cls.__reduce_ex__ is object.__reduce_ex__
        and cls.__reduce__ is object.__reduce__
        and cls.__getstate__ is object.__getstate__
    )


def new_object(cls: Any) -> Any:
    """Return an instance without attributes."""
    return cls.__new__(cls)


def set_attributes(obj: Any, state: dict[str, Any]) -> None:
    """Give a new instance its attributes, whether its class keeps them in slots or not."""
    for name, value in state.items():
        object.__setattr__(obj, name, value)


def _has_own_init(error: BaseException) -> bool:
    """Return whether an exception's `args` may not be what its initializer takes.

    Python would call that with them again: it may take others, or change its text a second time.
    All else that an exception knows must be in its dictionary then.
    """
    cls: Any = type(error)
    own = [base for base in cls.__mro__ if base.__module__ != "builtins"]
    built_in: Any = next(base for base in cls.__mro__ if base not in own)
    return (
        any("__init__" in vars(base) for base in own)
        and not any(base.__dict__.get("__slots__") for base in own)
        and built_in.__basicsize__ == BaseException.__basicsize__
        and cls.__new__ is built_in.__new__
        and cls.__reduce__ is BaseException.__reduce__
        and cls.__reduce_ex__ is object.__reduce_ex__
    )


def new_error(cls: Any, arguments: tuple[Any, ...]) -> BaseException:
    """Return an exception with these `args`, without a call of its initializer."""
    error: BaseException = cls.__new__(cls, *arguments)
    return error


def _of_ctypes(cls: Any) -> tuple[Any, ...] | None:
    """Return how a structure or array of `ctypes` is made anew; None if the class is none.

    The descriptors of a structure's fields cannot travel: they come from ``_fields_`` again.
    """
    ctypes = sys.modules.get("ctypes")
    if ctypes is None or not issubclass(cls, (ctypes.Array, ctypes.Structure, ctypes.Union)):
        return None
    if issubclass(cls, ctypes.Array):
        return operator.mul, (cls._type_, cls._length_)
    members = dict(vars(cls))
    fields = {name for name, *_ in members.get("_fields_", ())}
    core = {name: members[name] for name in _LAYOUT if name in members}
    left_out = {*core, *fields, "__dict__", "__weakref__"}
    rest = {name: value for name, value in members.items() if name not in left_out}
    mark = _marks.setdefault(cls, os.urandom(16))
    _marked[mark] = cls
    made_from = (mark, cls.__name__, cls.__bases__, core)
    return new_class, made_from, rest, None, None, set_members


def new_class(mark: bytes, name: str, bases: tuple[type, ...], members: dict[str, Any]) -> type:
    """Return the class of a mark: it may have come before, or from here; else a new one."""
    cls = _marked.get(mark)
    if cls is None:
        import types  # noqa: PLC0415 - rarely needed

        cls = types.new_class(name, bases, None, lambda space: space.update(members))
        _marks[cls] = mark
        _marked[mark] = cls
    return cls


def set_members(cls: type, members: dict[str, Any]) -> None:
    """Give a new class its other members, which may refer to it."""
    for name, value in members.items():
        setattr(cls, name, value)


def cached_anew(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    """Return what `functools.lru_cache` made of a function that travels by value; it is empty."""
    cached: Callable[..., Any] = functools.lru_cache(**parameters)(function)
    return cached


@functools.cache
def object_pickler() -> Any:
    """Return cloudpickle's pickler, which names classes instead of describing them."""
    import cloudpickle  # noqa: PLC0415 - most workers never need it

    class ObjectPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def __init__(self, file: Any, keep: Any, name_class: NameClass) -> None:
            super().__init__(file, protocol=5, buffer_callback=keep)
            self._name_class = name_class

        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and (digest := self._name_class(obj)) is not None:
                return known_class, (digest,)
            if _lost_slots(obj):
                state = dict(obj.__dict__)
                return new_object, (type(obj),), state, None, None, set_attributes
            if isinstance(obj, BaseException) and _has_own_init(obj):
                return new_error, (type(obj), obj.args), obj.__dict__ or None
            if type(obj) is _Cached:
                # Its own way is by name: it is right where that of its function would be, too.
                if super().reducer_override(obj.__wrapped__) is NotImplemented:
                    return NotImplemented
                return cached_anew, (obj.__wrapped__, obj.cache_parameters())
            how = super().reducer_override(obj)
            if isinstance(obj, type) and how is not NotImplemented:  # it would go by value
                return _of_ctypes(obj) or how
            return how

    return ObjectPickler
