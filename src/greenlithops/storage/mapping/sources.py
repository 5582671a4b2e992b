"""What programs write to name objects: URLs, buckets, prefixes, keys, globs, paths, handles."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from greenlithops.errors import UsageError
from greenlithops.objects import ObjectInfo
from greenlithops.storage.cloudobject import CloudObject

GLOB = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class UrlSource:
    """What a web server has."""

    text: str


@dataclass(frozen=True, slots=True)
class PathSource:
    """A file or a folder of this machine, or a glob of files; absolute."""

    text: str


@dataclass(frozen=True, slots=True)
class StorageSource:
    """Objects in a storage.

    Attributes:
        text: what the program wrote, for errors.
        storage: the storage's name or scheme; empty for the executor's own.
        bucket: where the objects are.
        key: a key, a prefix that ends with a slash, a glob, or nothing for the whole bucket.
        exact: whether `key` is a key, whatever it looks like.
        info: what is known of the object already, or None.
    """

    text: str
    storage: str
    bucket: str
    key: str
    exact: bool = False
    info: ObjectInfo | None = None

    @property
    def is_glob(self) -> bool:
        """Whether the key is a pattern."""
        return not self.exact and not GLOB.isdisjoint(self.key)

    @property
    def is_prefix(self) -> bool:
        """Whether it stands for everything below it."""
        return not self.exact and (not self.key or self.key.endswith("/"))


Source = UrlSource | PathSource | StorageSource


def is_one(data: Any) -> bool:
    """Return whether what is mapped over is one source rather than an iterable of them."""
    return isinstance(data, (str, os.PathLike, CloudObject, ObjectInfo, dict))


def source(given: Any) -> Source:
    """Return what an element names.

    Raises:
        UsageError: it names nothing that can be read.
    """
    if isinstance(given, CloudObject):
        return StorageSource(str(given), given.backend, given.bucket, given.key, exact=True)
    if isinstance(given, ObjectInfo):
        text = f"{given.bucket}/{given.key}"
        return StorageSource(text, "", given.bucket, given.key, exact=True, info=given)
    if isinstance(given, os.PathLike):
        return PathSource(os.path.normpath(Path.cwd() / os.fsdecode(given)))
    url, path = getattr(given, "url", None), getattr(given, "path", None)
    if isinstance(url or path, str):  # handles of the Lithops face
        given = url or path
    if not isinstance(given, str) or not given:
        raise UsageError(
            "the parameter 'obj' stands for objects to read, named by a bucket, prefix, key, glob, "
            f"URL, absolute path or CloudObject; {given!r} is none (to map over other values, "
            "give the parameter another name)"
        )
    return _of_text(given)


def _of_text(text: str) -> Source:
    scheme, mark, rest = text.partition("://")
    if not mark:
        if Path(text).is_absolute():
            return PathSource(text)
        scheme, rest = "", text
    elif scheme in ("http", "https"):
        return UrlSource(text)
    elif scheme == "file":
        return PathSource(unquote(urlsplit(text).path))
    bucket, _, key = rest.partition("/")
    if not bucket:
        raise UsageError(f"{text!r} names no bucket; write {scheme or 's3'}://bucket/key")
    return StorageSource(text, scheme, bucket, key)
