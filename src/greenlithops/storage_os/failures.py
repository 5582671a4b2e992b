"""Errors as those of files have them: with a number, its text, and the path."""

from __future__ import annotations

import errno
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from greenlithops.errors import NoSuchBucket, NoSuchKey

if TYPE_CHECKING:
    from collections.abc import Iterator

    from greenlithops.storage_os.places import FilePath


def os_error(code: int, path: FilePath | int) -> OSError:
    """Return the error that has this number for a path, as functions of `os` raise it."""
    shown = path if isinstance(path, int) else os.fsdecode(path)
    return OSError(code, os.strerror(code), shown)


@contextmanager
def named(path: FilePath) -> Iterator[None]:
    """Give errors of missing objects the number and the path that those of files have."""
    try:
        yield
    except (NoSuchKey, NoSuchBucket) as error:
        error.errno, error.strerror = errno.ENOENT, os.strerror(errno.ENOENT)
        error.filename = os.fsdecode(path)
        raise
