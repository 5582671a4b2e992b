"""Who this process is: its name, and whose child."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from dataclasses import dataclass, field
from multiprocessing import process as standard
from typing import Any

from greenlithops.sync.place import in_worker

LOGGER = "multiprocessing"  #: what the standard library calls its logger
FAILED = 1  #: the exit status of a child whose target has raised


@dataclass(frozen=True, slots=True)
class Parent:
    """The process that started this one, as its child sees it."""

    name: str
    pid: int
    authkey: bytes = field(default=b"", repr=False)
    log_level: int = logging.WARNING  #: of the standard library's logger for multiprocessing
    mark: str = ""  #: no other process has it, on whatever machine

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
_mark = secrets.token_hex(8)
_number = 1
_counting = threading.Lock()


def parent_process() -> Parent | None:
    """Return the process that started this one; None in a program."""
    return _parent


def current_process() -> Any:
    """Return the process that this is: in a program, the standard library's main process."""
    return standard.current_process() if _current is None else _current


def next_numbers(count: int = 1) -> int:
    """Return the first of the numbers that this many more children have."""
    global _number
    with _counting:
        first, _number = _number, _number + count
    return first


def place_of(number: int) -> tuple[int, ...]:
    """Return a child's number after those of its ancestors."""
    return (*current_process()._identity, number)  # noqa: SLF001 - programs choose by it, too


def name_of(kind: str, place: tuple[int, ...]) -> str:
    """Return what the standard library calls a child by default."""
    return f"{kind}-{':'.join(map(str, place))}"


def become(name: str, place: tuple[int, ...], parent: Parent, current: Any = None) -> None:
    """Be a child of this name, and with these numbers, from now on."""
    if parent.mark == _mark:
        return  # this worker is a thread of the program
    global _parent, _current  # noqa: PLW0603 - a process is one
    _parent = parent
    _current = current
    standard.current_process()._identity = place  # noqa: SLF001 - libraries look at it
    standard.current_process().name = name  # what `logging` shows, too
    standard.current_process().authkey = parent.authkey
    if parent.log_level != logging.WARNING:
        logging.getLogger(LOGGER).setLevel(parent.log_level)


def myself() -> Parent:
    """Return this process as its children will see it."""
    me = current_process()
    level = logging.getLogger(LOGGER).getEffectiveLevel()
    return Parent(me.name, os.getpid(), bytes(me.authkey), level, _mark)


__all__ = [
    "Parent",
    "become",
    "current_process",
    "in_worker",
    "myself",
    "name_of",
    "next_numbers",
    "parent_process",
    "place_of",
]
