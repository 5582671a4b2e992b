"""Keys of shared dictionaries as bytes: keys that are equal in Python are the same bytes."""

from __future__ import annotations

import io
import pickle
from typing import Any

import cloudpickle


def canonical(key: Any) -> tuple[bytes, bool]:
    """Return the bytes that stand for a key, and whether they tell the key exactly.

    ``1``, ``1.0`` and ``True`` are the same key, as in any dictionary; the bytes tell the first.

    Raises:
        TypeError: it cannot be hashed.
    """
    hash(key)
    return _encode(key)


def _encode(key: Any) -> tuple[bytes, bool]:
    kind = type(key)
    if kind is str:
        return b"s" + key.encode("utf-8", "surrogatepass"), True
    if kind is int:
        return b"i%d" % key, True
    if kind is bytes:
        return b"b" + key, True
    if key is None:
        return b"n", True
    if kind is tuple:
        parts = [_encode(item) for item in key]
        content = b"".join(b"%d:" % len(part) + part for part, _ in parts)
        return b"t" + content, all(exact for _, exact in parts)
    if kind in {bool, float, complex} and key == key and _whole(key):  # noqa: PLR0124 - not a NaN
        return b"i%d" % int(key.real), False
    if kind is float:
        return b"f" + repr(key).encode(), True
    if kind is frozenset:
        parts = sorted((_encode(item) for item in key), key=lambda part: part[0])
        return b"z" + b"".join(b"%d:" % len(part) + part for part, _ in parts), False
    return b"p" + _plain(key), False


def _whole(number: complex) -> bool:
    real = float(number.real)
    return not number.imag and real == real // 1 and abs(real) != float("inf")


def _plain(key: Any) -> bytes:
    """Return a pickle in which nothing depends on what was pickled before, or is shared."""
    file = io.BytesIO()
    pickler = cloudpickle.Pickler(file, 5)
    pickler.fast = True
    pickler.dump(key)
    return file.getvalue()


def exact(field: bytes) -> Any:
    """Return the key that exact bytes tell."""
    kind, content = field[:1], field[1:]
    if kind == b"s":
        return content.decode("utf-8", "surrogatepass")
    if kind == b"i":
        return int(content)
    if kind == b"b":
        return content
    if kind == b"f":
        return float(content)
    if kind == b"n":
        return None
    items: list[Any] = []
    while content:
        size, _, content = content.partition(b":")
        items.append(exact(content[: int(size)]))
        content = content[int(size) :]
    return tuple(items)


def inexact(blob: bytes) -> Any:
    """Return the key of a signed pickle, whose signature was checked."""
    return pickle.loads(blob)
