"""The bytes of files: read in ranges, written whole, joined within the kernel."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

from greenlithops.errors import InvalidRange, StorageError
from greenlithops.files import read_at

if TYPE_CHECKING:
    from greenlithops.objects import Buffer, ObjectInfo, Span


def bounds_of(info: ObjectInfo, span: Span | None) -> tuple[int, int]:
    """Return where the bytes that are asked for begin and end. Raises `InvalidRange`."""
    bounds = (0, info.size) if span is None else span.within(info.size)
    if bounds is None:
        raise InvalidRange(
            f"{info.key} has {info.size} bytes, none of them in {span}",
            bucket=info.bucket,
            key=info.key,
        )
    return bounds


class Opened:
    """An object's file while it is read."""

    def __init__(self, descriptor: int, info: ObjectInfo, start: int, stop: int) -> None:
        self.descriptor = descriptor
        self.info = info
        self.start = start
        self.stop = stop
        self.first = b""

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes of the file."""
        data = read_at(self.descriptor, start, stop)
        if len(data) < stop - start:
            raise StorageError(f"the file of {self.info.key} was cut while it was read")
        return data

    def close(self) -> None:
        """Let go of the file."""
        os.close(self.descriptor)


def write(descriptor: int, body: Buffer) -> None:
    """Write all of it."""
    view = memoryview(body)
    while view:
        view = view[os.write(descriptor, view) :]


def append(source: int, target: int) -> None:
    """Copy a whole file to the end of another, within the kernel."""
    if not hasattr(os, "copy_file_range"):
        while data := os.read(source, 1 << 20):
            write(target, data)
        return
    left = os.fstat(source).st_size
    while left:
        try:
            moved = os.copy_file_range(source, target, left)
        except OSError as error:
            if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
                raise
            moved = os.sendfile(target, source, None, left)
        if not moved:
            raise StorageError("a file was cut while it was copied")
        left -= moved
