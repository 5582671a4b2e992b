"""The user's own classes: each travels by value once, and is named from then on.

Pickling a class by value takes a thousand times as long as pickling an instance of it, so a
stream that holds instances says `known_class` with a digest instead. Both sides know the class
under that digest, which also makes it the same class wherever a value goes and comes back to.
"""

from __future__ import annotations

import functools
import hashlib
import pickle
import weakref

from greenlithops.errors import SerializationError

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    Stream = tuple[bytes, list[Any]]
    NameClass = Callable[[type], bytes | None]

_classes: weakref.WeakValueDictionary[bytes, type] = weakref.WeakValueDictionary()
_digests: weakref.WeakKeyDictionary[type, bytes] = weakref.WeakKeyDictionary()
_announced: dict[bytes, Stream] = {}
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
            return super().reducer_override(obj)

    return ObjectPickler
