"""What `os.scandir` gives, of objects."""

from __future__ import annotations

import os as base_os
from typing import TYPE_CHECKING, Self

from greenlithops.storage_os.places import status

if TYPE_CHECKING:
    from greenlithops.storage_os.places import Listed


class StorageEntry:
    """What `os.scandir` gives for each name."""

    def __init__(self, folder: str, listed: Listed) -> None:
        self.name = listed.name
        self.path = base_os.path.join(folder, listed.name)  # noqa: PTH118 - as os.scandir does
        self._info = listed.info

    def is_file(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        """Return whether it is an object."""
        return self._info is not None

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:  # noqa: ARG002 - there are no links
        """Return whether it is a directory."""
        return self._info is None

    def is_symlink(self) -> bool:
        """Return False: objects are no links."""
        return False

    def stat(self, *, follow_symlinks: bool = True) -> base_os.stat_result:  # noqa: ARG002 - there are no links
        """Return size and time, without asking the storage again."""
        return status(self._info)

    def __fspath__(self) -> str:
        return self.path

    def __repr__(self) -> str:
        return f"<StorageEntry {self.name!r}>"


class Scan:
    """An iterator over entries, which is also a context manager."""

    def __init__(self, entries: list[StorageEntry]) -> None:
        self._entries = iter(entries)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> StorageEntry:
        return next(self._entries)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give nothing more."""
        self._entries = iter(())
