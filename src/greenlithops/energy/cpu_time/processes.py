"""CPU time of other processes by the clock that the kernel keeps for each of them.

The clock is the scheduler's own sum (the first figure of ``/proc/PID/schedstat``, of all threads),
brought up to date at the moment of reading, in nanoseconds; any process may read it (POSIX.1
``clock_getcpuclockid``). What is alive is found by its session: workers have one of their own.
"""

from __future__ import annotations

import os
import time

_NS = 1_000_000_000
_SCHED = 2  # CPUCLOCK_SCHED: what has run, in nanoseconds


def process_ns(pid: int) -> int:
    """Return the CPU nanoseconds of a process with all its threads, dead ones too.

    Raises:
        OSError: there is no such process, or the system has no such clock.
    """
    try:
        return time.clock_gettime_ns((~pid << 3) | _SCHED)
    except OverflowError as error:  # a pid that the clock's number has no room for
        raise ProcessLookupError(str(error)) from error


def schedstat_ns(pid: int, proc: str = "/proc") -> int:
    """Return the CPU nanoseconds of a process's living threads, up to their last tick or switch.

    Raises:
        OSError: there is no such process, or the kernel does not keep them.
    """
    total = 0
    for entry in os.scandir(f"{proc}/{pid}/task"):
        try:
            total += int(_text(f"{entry.path}/schedstat").split()[0])
        except (FileNotFoundError, ProcessLookupError):
            continue  # the thread has just ended
    return total


def session_members(session: int, proc: str = "/proc") -> dict[int, int]:
    """Return the living processes of a session, each with the CPU nanoseconds of its dead children.

    The latter are in ticks of mostly 10 ms, rounded down: exact sums, coarsely shown.
    """
    tick_ns = _NS // os.sysconf("SC_CLK_TCK")
    members: dict[int, int] = {}
    for entry in os.scandir(proc):
        if not entry.name.isdigit():
            continue
        try:
            fields = _text(f"{entry.path}/stat").rpartition(")")[2].split()
        except (OSError, ValueError):
            continue  # it has just ended
        if int(fields[3]) == session:
            members[int(entry.name)] = (int(fields[13]) + int(fields[14])) * tick_ns
    return members


def _text(path: str) -> str:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.pread(descriptor, 1024, 0).decode(errors="replace")
    finally:
        os.close(descriptor)


class ClockTree:
    """A worker and the processes of its session."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._used: dict[int, int] = {pid: process_ns(pid)}

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds; those of the dead as they were when last seen alive."""
        for pid, below in session_members(self._pid).items():
            try:
                used = process_ns(pid) + below
            except OSError:
                continue
            self._used[pid] = max(self._used.get(pid, 0), used)
        if own_ns is not None:
            self._used[self._pid] = max(self._used[self._pid], own_ns)
        return sum(self._used.values())

    def close(self) -> None:
        """Nothing is held."""


class ClockTrees:
    """Reads process clocks; needs no privilege."""

    name = "clock"
    resolution = 1e-6
    notes: tuple[str, ...] = (
        "processes that end unseen, or in a session of their own, are not counted",
    )

    def __init__(self) -> None:
        process_ns(os.getpid())
        session_members(os.getsid(0))

    def adopt(self, pid: int) -> ClockTree:
        """Begin to count a process, the leader of its session."""
        return ClockTree(pid)

    def close(self) -> None:
        """Nothing is held."""


class TickTree:
    """A process and its descendants, by psutil."""

    def __init__(self, pid: int) -> None:
        import psutil  # noqa: PLC0415 - heavy, and the last resort

        self._psutil = psutil
        try:
            self._process = psutil.Process(pid)
        except psutil.Error as error:
            raise ProcessLookupError(str(error)) from error
        self._used: dict[int, int] = {}

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds; those of the dead as they were when last seen alive."""
        try:
            living = [self._process, *self._process.children(recursive=True)]
        except self._psutil.Error:
            living = []
        for process in living:
            try:
                times = process.cpu_times()
            except self._psutil.Error:
                continue
            used = int(sum(times[:4]) * _NS)
            self._used[process.pid] = max(self._used.get(process.pid, 0), used)
        if own_ns is not None:
            self._used[self._process.pid] = max(self._used.get(self._process.pid, 0), own_ns)
        return sum(self._used.values())

    def close(self) -> None:
        """Nothing is held."""


class TickTrees:
    """Counts in ticks, with psutil: for systems that have nothing better."""

    name = "ticks"
    resolution = 0.010
    notes: tuple[str, ...] = (
        "processes that end unseen are not counted",
        "counted in ticks: short calls that are killed may be off by half",
    )

    def adopt(self, pid: int) -> TickTree:
        """Begin to count a process."""
        return TickTree(pid)

    def close(self) -> None:
        """Nothing is held."""
