"""How paths name objects, and how a listing looks as a directory; pure."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlithops.errors import UsageError
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

OWN_SCHEME = "greenlithops"  #: names the storage in use, whichever it is
#: at the top of a bucket: what runs of functions keep there, which is no data of users
HIDDEN = frozenset({"greenlithops.tmp", "lithops.jobs", "lithops.logs", "lithops.runtimes"})
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+._-]*)://([^/]*)/?(.*)", re.DOTALL)

FilePath = str | bytes | os.PathLike[str] | os.PathLike[bytes]


@dataclass(frozen=True, slots=True)
class Place:
    """What a path names: an object, or all objects below it.

    Attributes:
        bucket: where.
        key: without slashes at its beginning; empty for the bucket itself.
    """

    bucket: str
    key: str

    @property
    def name(self) -> str:
        """The key of the object that it names as a file."""
        return self.key.rstrip("/") if self.is_folder else self.key

    @property
    def is_folder(self) -> bool:
        """Whether it can only be a directory."""
        return not self.key or self.key.endswith("/")

    @property
    def prefix(self) -> str:
        """What the keys of all objects below it begin with."""
        return self.key.rstrip("/") + "/" if self.key else ""


def place_of(path: FilePath, bucket: str | None, schemes: Collection[str]) -> Place:
    """Return what a path names.

    Args:
        path: ``folder/name``, with or without a slash before it, in the storage's bucket; or
            ``scheme://bucket/folder/name``.
        bucket: the storage's, or None.
        schemes: those that name the storage.

    Raises:
        UsageError: it is in another storage, or in no bucket.
    """
    text = os.fsdecode(path)
    match = _URL.fullmatch(text)
    if match is not None:
        scheme, other, key = match.groups()
        if scheme not in schemes:
            known = ", ".join(sorted(schemes))
            raise UsageError(f"{text!r} is in another storage; this one's URLs begin with {known}")
        if not other:
            raise UsageError(f"{text!r} names no bucket")
        return Place(other, key)
    if bucket is None:
        raise UsageError(
            f"{text!r} needs a bucket: configure the storage's 'storage_bucket', or write "
            f"{OWN_SCHEME}://bucket/{text.lstrip('/')}"
        )
    key = text.lstrip("/")
    while key.startswith("./"):
        key = key[2:].lstrip("/")
    return Place(bucket, "" if key == "." else key)


@dataclass(frozen=True, slots=True)
class Listed:
    """One name in a directory.

    Attributes:
        name: without the directory.
        info: of the object; None for a directory.
    """

    name: str
    info: ObjectInfo | None


def as_directory(entries: Iterable[ObjectInfo | str], prefix: str) -> list[Listed]:
    """Return what a listing with the delimiter ``/`` looks like as a directory.

    An object that ends with a slash marks a directory. A name that is an object's and a
    directory's is there twice, as both.
    """
    found = []
    for entry in entries:
        if isinstance(entry, ObjectInfo):
            name = entry.key[len(prefix) :]
            if name:
                found.append(Listed(name, entry))
        else:
            name = entry[len(prefix) : -1]
            if name and (prefix or name not in HIDDEN):
                found.append(Listed(name, None))
    return found


def status(info: ObjectInfo | None) -> os.stat_result:
    """Return what `os.stat` would tell of an object; of a directory, if there is none."""
    mode = stat.S_IFDIR | 0o755 if info is None else stat.S_IFREG | 0o644
    size = 0 if info is None else info.size
    moment = 0.0 if info is None else info.modified or 0.0
    seconds = int(moment)
    exact = {"st_atime": moment, "st_mtime": moment, "st_ctime": moment}
    nanoseconds = {f"{name}_ns": int(value * 1e9) for name, value in exact.items()}
    return os.stat_result(
        (mode, 0, 0, 1, 0, 0, size, seconds, seconds, seconds), {**exact, **nanoseconds}
    )
