"""Files: what tells their versions apart, and bytes at places; light, for workers too."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from greenlithops.objects import Buffer


def file_version(status: os.stat_result) -> str:
    """Return what changes when a file does: the etag of an object that is a file."""
    return f"{status.st_ino:x}-{status.st_mtime_ns:x}-{status.st_size:x}"


def read_at(descriptor: int, start: int, stop: int) -> bytes:
    """Return bytes of a file; fewer only where it ends, though the kernel gives 2 GiB at once."""
    data = os.pread(descriptor, stop - start, start)
    if len(data) == stop - start or not data:
        return data
    pieces = [data]
    while (start := start + len(pieces[-1])) < stop and pieces[-1]:
        pieces.append(os.pread(descriptor, stop - start, start))
    return b"".join(pieces)


def write_at(descriptor: int, body: Buffer, position: int) -> None:
    """Write all of it: the kernel may take a part, as of what reaches the end of a disk."""
    view = memoryview(body)
    while view:
        taken = os.pwrite(descriptor, view, position)
        view, position = view[taken:], position + taken
