"""`lithops.storage.cloud_proxy`: programs for Lithops may remove what is not there.

Object storage deletes an object that is not there without a word, and Lithops passes that on;
`greenlithops.storage_os` has the errors of `os`.
"""

from __future__ import annotations

import contextlib
import os as _base
from typing import TYPE_CHECKING, Any

from greenlithops.storage_os import CloudFileProxy as _FileProxy
from greenlithops.storage_os import CloudStorage

if TYPE_CHECKING:
    from greenlithops.storage_os.places import FilePath

__all__ = ["CloudFileProxy", "CloudStorage", "open", "os"]  # noqa: F822 - see `__getattr__`

_systems: dict[int, CloudFileProxy] = {}


class CloudFileProxy(_FileProxy):
    """Stands for the module ``os`` over a storage, where nothing to remove is no error."""

    def remove(self, path: FilePath, **_: Any) -> None:
        """Delete an object, if there is one of this path."""
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):
            super().remove(path)

    unlink = remove


def __getattr__(name: str) -> Any:
    """Give ``os`` and ``open`` of the configured storage, made when they are first asked for."""
    if name not in {"os", "open"}:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    pid = _base.getpid()  # a forked process needs one of its own
    if pid not in _systems:
        _systems[pid] = CloudFileProxy()
    system = _systems[pid]
    return system if name == "os" else system.open
