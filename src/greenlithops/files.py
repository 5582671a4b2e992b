"""What tells one version of a file from another; light, since workers need it too."""

from __future__ import annotations

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    import os


def file_version(status: os.stat_result) -> str:
    """Return what changes when a file does: the etag of an object that is a file."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"
