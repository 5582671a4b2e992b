"""Locks on files, which processes see of each other; where there are none, nobody is kept away."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


def hold(descriptor: int, *, patient: bool = True) -> bool:
    """Lock an open file until it is closed or let go.

    Args:
        descriptor: of the file.
        patient: whether to wait while somebody else has it locked.

    Returns:
        Whether it is locked; False only where it is somebody else's.
    """
    try:
        import fcntl  # noqa: PLC0415 - not everywhere
    except ImportError:
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if patient else fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def let_go(descriptor: int) -> None:
    """Unlock a file; closing alone would leave it to a process that was forked meanwhile."""
    try:
        import fcntl  # noqa: PLC0415 - not everywhere
    except ImportError:
        return
    fcntl.flock(descriptor, fcntl.LOCK_UN)


@contextmanager
def locked(path: str) -> Iterator[None]:
    """Keep everybody else out who locks the same file, which is made if it is missing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        hold(descriptor)
        yield
    finally:
        let_go(descriptor)
        os.close(descriptor)
