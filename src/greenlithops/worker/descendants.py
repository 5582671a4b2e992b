"""CPU time of processes that a call has started and not waited for: they live on when it ends."""

from __future__ import annotations

import os
import time


class Descendants:
    """The living descendants of this process, and what was booked of each."""

    def __init__(self) -> None:
        self._booked: dict[int, int] = {}

    def look(self) -> int:
        """Return the CPU nanoseconds of the living, each up to the end of the call that started it.

        What they use later is nobody's. Those that have ended since the last look count no more:
        their whole time is now among that of the children that were waited for.
        """
        if not self._booked and not _any_child():
            return 0
        living = {pid: used for pid in _below(os.getpid()) if (used := _used(pid)) is not None}
        self._booked = {pid: self._booked.get(pid, used) for pid, used in living.items()}
        return sum(self._booked.values())


def _any_child() -> bool:
    """Return whether there is a child, dead or alive, that was not waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except (ChildProcessError, AttributeError):  # none; or a system that cannot tell
        return False
    return True


def _below(pid: int) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - pathlib is not imported here
            with open(f"/proc/{pid}/task/{task}/children", "rb") as file:  # noqa: PTH123 - as above
                found += map(int, file.read().split())
    except OSError:  # it has just ended, or the kernel does not list children
        return found
    return [*found, *(deeper for child in found for deeper in _below(child))]


def _used(pid: int) -> int | None:
    """Return what a process's CPU clock says (``clock_getcpuclockid``), or None if it is gone."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except (OSError, OverflowError):
        return None
