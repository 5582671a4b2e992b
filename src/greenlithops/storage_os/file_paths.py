"""``os.path`` for objects."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING, Any

from greenlithops.errors import NoSuchBucket

if TYPE_CHECKING:
    import os

    from greenlithops.storage_os.places import FilePath
    from greenlithops.storage_os.proxy import CloudFileProxy


class StoragePath:
    """What `os.path` tells, of objects; the rest, such as ``join``, is that of POSIX.

    Args:
        system: the ``os`` that it belongs to.
    """

    def __init__(self, system: CloudFileProxy) -> None:
        self._system = system

    def __getattr__(self, name: str) -> Any:
        return getattr(posixpath, name)

    def _status(self, path: FilePath) -> os.stat_result | None:
        try:
            return self._system.stat(path)
        except FileNotFoundError:
            return None

    def exists(self, path: FilePath) -> bool:
        """Return whether there is an object of this name, or one below it."""
        return self._status(path) is not None

    lexists = exists

    def isfile(self, path: FilePath) -> bool:
        """Return whether there is an object of this name."""
        try:
            info, _ = self._system.look(path)
        except NoSuchBucket:
            return False
        return info is not None

    def isdir(self, path: FilePath) -> bool:
        """Return whether there are objects below this name."""
        try:
            _, below = self._system.look(path)
        except NoSuchBucket:
            return False
        return below

    def islink(self, path: FilePath) -> bool:  # noqa: ARG002 - there are none in any place
        """Return False: objects are no links."""
        return False

    ismount = islink

    def getsize(self, path: FilePath) -> int:
        """Return an object's size in bytes."""
        return self._system.stat(path).st_size

    def getmtime(self, path: FilePath) -> float:
        """Return when an object was written, in seconds since the epoch."""
        return self._system.stat(path).st_mtime

    getatime = getctime = getmtime

    def abspath(self, path: FilePath) -> str:
        """Return a path from the top of its bucket, as a URL if it is one."""
        return self._system.absolute(path)

    realpath = abspath

    def samefile(self, path: FilePath, other: FilePath) -> bool:
        """Return whether two paths name the same object."""
        return self.abspath(path) == self.abspath(other)
