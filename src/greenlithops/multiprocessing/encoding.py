"""Values as bytes for shared state: plain data at C speed, functions and own classes by value."""

from __future__ import annotations

import functools
import io
import pickle
from typing import Any

from greenlithops.errors import SerializationError
from greenlithops.worker.classes import announce, digest_of, digest_stream, known_class, register
from greenlithops.worker.pickling import Packer

_ATOMS = frozenset({int, float, str, bytes, bool, type(None), complex})


def encode(value: Any) -> bytes:
    """Return a value as bytes.

    Raises:
        Exception: whatever pickling it raises.
    """
    if type(value) in _ATOMS:
        return pickle.dumps(value, 5)
    # A packer for each: they are not for several threads at once.
    return Packer(_by_value).pack(value)[0]


def decode(data: bytes) -> Any:
    """Return the value of bytes whose signature was checked."""
    return pickle.loads(data)


def _by_value(value: Any) -> tuple[bytes, list[Any]]:
    file = io.BytesIO()
    _pickler()(file, 5).dump(value)
    return file.getvalue(), []


def shared_class(digest: bytes, definition: bytes) -> type:
    """Return the class of a digest: the one that is known here, or else a new one."""
    try:
        return known_class(digest)
    except SerializationError:
        announce(digest, definition, [])
        return known_class(digest)


_definitions: dict[type, tuple[bytes, bytes]] = {}


def _definition(cls: type) -> tuple[bytes, bytes]:
    """Return the digest of a class, and the class by value."""
    if cls not in _definitions:
        import cloudpickle  # noqa: PLC0415 - only for what is not plain

        content = cloudpickle.dumps(cls, 5)
        digest = digest_of(cls)
        if digest is None:
            digest = digest_stream(content, [])
            register(digest, cls)
        _definitions[cls] = digest, content
    return _definitions[cls]


@functools.cache
def _pickler() -> Any:
    import cloudpickle  # noqa: PLC0415 - only for what is not plain

    class SharedPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, type) and (
                digest_of(obj) is not None or obj.__module__ == "__main__"
            ):
                return shared_class, _definition(obj)
            return super().reducer_override(obj)

    return SharedPickler
