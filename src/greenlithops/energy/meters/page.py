"""The page of memory through which one process of a node tells the others what the meter says.

A reader never waits: a counter before and after each writing tells it whether it has read a whole
sample. Times are of the monotonic clock, which all processes of a machine share, containers too.
"""

from __future__ import annotations

import errno
import json
import mmap
import os
import stat
import struct
from typing import Any, NamedTuple

from greenlithops.errors import ConfigurationError

SIZE = 8192
_MAGIC = b"GLMETER1"
_HEAD = struct.Struct("<8sQQ")  # magic, bytes of the description, pid of who tells (0: nobody)
_SAMPLE = struct.Struct("<Qq8d")  # writings (odd: under way), moment, joules
_WANTED = struct.Struct("<qq")  # until when a short interval is wanted, and which (ns)
_TEXT, _DATA, _DEMAND = 1024, 128, 512
_ATTEMPTS = 100
MAX_DOMAINS = 8


class Sample(NamedTuple):
    """What the meter said.

    Attributes:
        moment_ns: when.
        joules: since the page was made, in the order of the description's domains.
    """

    moment_ns: int
    joules: tuple[float, ...]


class Page:
    """The page, from either side.

    Args:
        path: a file; made, and of the right size, if it is not there and `make` says so.
        make: permissions of a new file; None not to make one.

    Raises:
        OSError: it cannot be made or opened, or belongs to somebody who is not to be trusted.
    """

    def __init__(self, path: str, make: int | None = None) -> None:
        common = os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            new = os.O_CREAT if make is not None else 0
            fd = os.open(path, os.O_RDWR | new | common, make or 0)
            self._writable = True
        except OSError as error:
            if make is not None or error.errno not in {errno.EACCES, errno.EPERM, errno.EROFS}:
                raise
            fd = os.open(path, os.O_RDONLY | common)
            self._writable = False
        try:
            found = os.fstat(fd)
            if found.st_uid not in (0, os.geteuid()) or found.st_mode & stat.S_IWOTH:
                raise PermissionError(f"{path} may have been written by others than you or root")
            if found.st_size < SIZE:
                if make is None:
                    raise OSError(f"{path} is not a meter's page")
                os.truncate(fd, SIZE)
            access = mmap.ACCESS_WRITE if self._writable else mmap.ACCESS_READ
            self._memory = mmap.mmap(fd, SIZE, access=access)
        finally:
            os.close(fd)

    def describe(self, description: dict[str, Any]) -> None:
        """Begin anew, for a meter of this description."""
        text = json.dumps(description).encode()
        if len(text) > SIZE - _TEXT:
            raise ConfigurationError("the meter's description is too long to be shared")
        self._memory[:8] = bytes(8)
        self._memory[_TEXT : _TEXT + len(text)] = text
        _HEAD.pack_into(self._memory, 0, _MAGIC, len(text), os.getpid())

    @property
    def text(self) -> bytes:
        """The description as it is written down; empty when there is none, or not now."""
        magic, size, _ = _HEAD.unpack_from(self._memory)
        if magic != _MAGIC or size > SIZE - _TEXT:
            return b""
        return self._memory[_TEXT : _TEXT + size]

    def description(self) -> dict[str, Any] | None:
        """Return what is known of the meter, or None when nobody has described it."""
        try:
            found = json.loads(self.text)
        except ValueError:
            return None
        return found if isinstance(found, dict) else None

    @property
    def left(self) -> bool:
        """Whether who told it has said that it tells no more."""
        _, _, pid = _HEAD.unpack_from(self._memory)
        return bool(pid == 0)

    def leave(self) -> None:
        """Say that nobody tells any more, until the page is described anew."""
        magic, size, _ = _HEAD.unpack_from(self._memory)
        _HEAD.pack_into(self._memory, 0, magic, size, 0)

    def write(self, sample: Sample) -> None:
        """Tell a sample."""
        count = _SAMPLE.unpack_from(self._memory, _DATA)[0] | 1
        struct.pack_into("<Q", self._memory, _DATA, count)
        row = sample.joules + (0.0,) * (MAX_DOMAINS - len(sample.joules))
        struct.pack_into("<q8d", self._memory, _DATA + 8, sample.moment_ns, *row)
        struct.pack_into("<Q", self._memory, _DATA, count + 1)

    def read(self) -> Sample | None:
        """Return the latest sample, or None when there is none."""
        for _ in range(_ATTEMPTS):
            count, moment, *joules = _SAMPLE.unpack_from(self._memory, _DATA)
            again = struct.unpack_from("<Q", self._memory, _DATA)[0]
            if count == again and not count & 1:
                return Sample(moment, tuple(joules)) if count else None
        return None  # who wrote it died meanwhile

    def want(self, until_ns: int, interval_ns: int) -> None:
        """Ask for samples at least this often for a while, if the page may be written to."""
        if not self._writable:
            return
        until, interval = _WANTED.unpack_from(self._memory, _DEMAND)
        if interval < interval_ns and until > until_ns:
            return  # somebody wants more of it
        _WANTED.pack_into(self._memory, _DEMAND, until_ns, interval_ns)

    def wanted(self, now_ns: int) -> int | None:
        """Return how often others want samples, in nanoseconds, or None."""
        until, interval = _WANTED.unpack_from(self._memory, _DEMAND)
        return interval if until > now_ns and interval > 0 else None

    def close(self) -> None:
        """Let go of the memory."""
        self._memory.close()
