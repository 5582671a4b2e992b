"""Objects that are changed anywhere in them: in a local copy, which is theirs alone."""

from __future__ import annotations

import io
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.files import file_version

if TYPE_CHECKING:
    from collections.abc import Callable


class EditedObject(io.FileIO):
    """A local copy of an object, which becomes the object when it is closed.

    Args:
        path: the copy.
        mode: as for `io.FileIO`.
        publish: called with the path at the end, if anything was written.
        changed: whether closing publishes it in any case.
    """

    def __init__(
        self, path: Path, mode: str, publish: Callable[[Path], object], *, changed: bool
    ) -> None:
        super().__init__(path, mode)
        self._path = path
        self._publish = publish
        self._dropped = False
        os.utime(path, ns=(0, 0))  # so that any change shows, however coarse the kernel's time is
        #: of the copy as it is in storage; others, such as NumPy, write to its descriptor
        self._version = "" if changed else file_version(os.fstat(self.fileno()))

    def write(self, data: Any, /) -> int:
        """Write into the copy."""
        self._version = ""
        return super().write(data)

    def truncate(self, size: int | None = None, /) -> int:
        """Cut the copy off."""
        self._version = ""
        return super().truncate(size)

    def close(self) -> None:
        """Make the copy the object, if it was changed."""
        if self.closed:
            return
        try:
            changed = file_version(os.fstat(self.fileno())) != self._version
            super().close()
            if changed and not self._dropped:
                self._publish(self._path)
        finally:
            forget_copy(self._path)

    def drop(self) -> None:
        """Forget what was changed."""
        self._dropped = True


def local_copy() -> Path:
    """Return a new, empty file for a copy, in a folder that nobody else may look into."""
    path = Path(tempfile.mkdtemp(prefix="greenlithops-edited-"), "copy")
    path.touch()
    return path


def forget_copy(path: Path) -> None:
    """Remove what `local_copy` has made."""
    shutil.rmtree(path.parent, ignore_errors=True)
