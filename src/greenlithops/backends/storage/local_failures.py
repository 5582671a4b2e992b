"""What the file system says went wrong, as errors of the one tree."""

from __future__ import annotations

import errno
from contextlib import contextmanager
from typing import TYPE_CHECKING

from greenlithops.errors import AccessDenied, InvalidName, StorageError, StorageFull

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_KINDS: dict[int, type[StorageError]] = {
    errno.EACCES: AccessDenied,
    errno.EPERM: AccessDenied,
    errno.EROFS: AccessDenied,
    errno.ENOSPC: StorageFull,
    errno.EDQUOT: StorageFull,
    errno.EFBIG: StorageFull,
    errno.ENAMETOOLONG: InvalidName,
}


@contextmanager
def told(root: Path, bucket: str | None, key: str | None) -> Iterator[None]:
    """Raise what the file system raises as the `StorageError` that it stands for.

    Args:
        root: the storage's folder.
        bucket: what it is about.
        key: the object, if it is about one.
    """
    try:
        yield
    except StorageError:
        raise
    except OSError as error:
        what = f"{bucket}/{key}" if key else bucket or "the storage"
        text = f"{what}: {error.strerror or error}, in the folder {root}"
        if error.errno == errno.ENOENT and not root.is_dir():
            text = f"{what}: the storage's folder {root} is not there any more"
        kind = _KINDS.get(error.errno or 0, StorageError)
        raise kind(text, bucket=bucket, key=key) from error
