"""Files that are not whole yet: beside where they shall be, and written by one at a time."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError
from greenlithops.locks import let_go, taken
from greenlithops.offload import in_thread, to_the_end
from greenlithops.storage.records import read_record, write_record

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SUFFIX = ".greenlithops-part"  #: of a download that is not whole yet
LONGEST_NAME = 230  #: bytes; file systems take 255, and what is remembered of it has a longer name


class Partial:
    """A file that becomes another one when it is whole.

    Args:
        descriptor: of the open file.
        path: where it is.
        record: where it is remembered what of it was written; None for what nobody resumes.
        done: where the parts begin that an earlier download has written.
    """

    def __init__(self, descriptor: int, path: Path, record: Path | None, done: set[int]) -> None:
        self.done = done
        self._descriptor: int | None = descriptor
        self._path = path
        self._record = record

    async def do(self, function: Callable[..., object], *args: object) -> None:
        """Call a function with the descriptor and `args`, and wait for it even if cancelled."""
        try:
            # A thread that still writes must not find the descriptor closed, or another file's.
            await to_the_end(in_thread(function, self._descriptor, *args))
        except OSError as error:
            error.filename = str(self._path)  # as where one is opened
            raise

    def remember(self, identity: list[Any], done: list[int]) -> None:
        """Remember what is done of a content, if it may be resumed."""
        if self._record is not None:
            write_record(self._record, {"of": identity, "done": done})

    def become(self, path: Path) -> None:
        """Be the file that was wanted."""
        if os.name == "nt":
            self._close()  # no open file gets another name there
        self._path.replace(path)
        if self._record is not None:
            self._record.unlink(missing_ok=True)

    def end(self) -> None:
        """Let go of it; what nobody resumes, and is not whole, is gone."""
        self._close()
        if self._record is None:
            self._path.unlink(missing_ok=True)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            let_go(descriptor)
            os.close(descriptor)


def begun(path: Path, identity: list[Any], size: int, *, resume: bool) -> Partial:
    """Return a file in which another one can be made, whose folders are made too.

    Args:
        path: what it shall be.
        identity: says of which content the parts are.
        size: how many bytes the content has.
        resume: whether to go on with what an earlier one left, and leave it to a later one. One
            that somebody else is writing is left to him.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        raise UsageError(f"{path} is a device or a pipe, which no file can take the place of")
    path.parent.mkdir(parents=True, exist_ok=True)
    resumed = _resumed(_beside(path, ""), identity, size) if resume else None
    if resumed is not None:
        return resumed
    own = _beside(path, f".{secrets.token_hex(4)}")
    return Partial(os.open(own, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666), own, None, set())


def _resumed(path: Path, identity: list[Any], size: int) -> Partial | None:
    """Return what an earlier one left, or a new one; None if it is somebody else's just now."""
    descriptor = taken(path, 0o666)
    if descriptor is None:
        return None
    with ExitStack() as undo:
        undo.callback(os.close, descriptor)
        undo.callback(let_go, descriptor)
        record = path.with_name(f"{path.name}.json")
        state = read_record(record) or {}
        same = state.get("of") == identity and os.fstat(descriptor).st_size == size
        if not same:
            os.ftruncate(descriptor, 0)
            record.unlink(missing_ok=True)
        undo.pop_all()
        return Partial(descriptor, path, record, set(state["done"]) if same else set())


def _beside(path: Path, tag: str) -> Path:
    """Return where a file is made; two at once have different tags."""
    name = f"{path.name}{tag}{SUFFIX}"
    if len(os.fsencode(name)) > LONGEST_NAME:
        short = hashlib.sha256(os.fsencode(path.name)).hexdigest()[:32]
        name = f"{short}{tag}{SUFFIX}"
    return path.with_name(name)
