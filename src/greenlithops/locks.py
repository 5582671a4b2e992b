"""Locks on files, which processes see of each other; where there are none, nobody is kept away."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


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


def taken(path: Path, mode: int) -> int | None:
    """Open a file, which is made if it is missing, and lock it.

    Returns:
        Its descriptor; None if it is somebody else's, or was just now.
    """
    with ExitStack() as undo:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, mode)
        undo.callback(os.close, descriptor)
        if not hold(descriptor, patient=False):
            return None
        undo.callback(let_go, descriptor)
        if not (path.exists() and os.path.samestat(path.stat(), os.fstat(descriptor))):
            return None  # who had it has given it another name, or removed it
        undo.pop_all()
        return descriptor


def held(path: str) -> bool:
    """Return whether somebody has a file locked."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        return not hold(descriptor, patient=False)
    finally:
        let_go(descriptor)
        os.close(descriptor)


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
