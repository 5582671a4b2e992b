"""Who this process is: its name, and whose child."""

from __future__ import annotations

import itertools
import logging
import os
from dataclasses import dataclass, field
from multiprocessing import process as standard
from typing import Any

from greenlithops.sync.place import in_worker

LOGGER = "multiprocessing"  #: what the standard library calls its logger


@dataclass(frozen=True, slots=True)
class Parent:
    """The process that started this one, as its child sees it."""

    name: str
    pid: int
    authkey: bytes = field(default=b"", repr=False)
    log_level: int = logging.WARNING  #: of the standard library's logger for multiprocessing

    @property
    def ident(self) -> int:
        """Its process number."""
        return self.pid

    def is_alive(self) -> bool:
        """Return whether it still is this process' parent."""
        return os.getppid() == self.pid

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end, at most `timeout` seconds; this process ends with it."""
        from multiprocessing.connection import wait  # noqa: PLC0415 - rarely needed

        descriptor = os.pidfd_open(self.pid)
        try:
            wait([descriptor], timeout)
        finally:
            os.close(descriptor)


_parent: Parent | None = None
_current: Any = None
_numbers = itertools.count(1)


def parent_process() -> Parent | None:
    """Return the process that started this one; None in a program."""
    return _parent


def current_process() -> Any:
    """Return the process that this is: in a program, the standard library's main process."""
    return standard.current_process() if _current is None else _current


def next_name(kind: str) -> str:
    """Return the name of one more child."""
    return f"{kind}-{next(_numbers)}"


def become(name: str, parent: Parent, current: Any = None) -> None:
    """Be a child of this name from now on."""
    global _parent, _current  # noqa: PLW0603 - a process is one
    _parent = parent
    _current = current
    standard.current_process().name = name  # what `logging` shows, too
    standard.current_process().authkey = parent.authkey
    if parent.log_level != logging.WARNING:
        logging.getLogger(LOGGER).setLevel(parent.log_level)


def myself() -> Parent:
    """Return this process as its children will see it."""
    me = current_process()
    level = logging.getLogger(LOGGER).getEffectiveLevel()
    return Parent(me.name, os.getpid(), bytes(me.authkey), level)


__all__ = [
    "Parent",
    "become",
    "current_process",
    "in_worker",
    "myself",
    "next_name",
    "parent_process",
]
