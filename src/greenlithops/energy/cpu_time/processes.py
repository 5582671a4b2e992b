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


class Used:
    """What the processes of a tree have used, as far as they were seen.

    Args:
        root: the process whose tree it is.
        used_ns: what it has used so far.
    """

    def __init__(self, root: int, used_ns: int) -> None:
        self._root = root
        self._living = {root: used_ns}
        self._gone = 0

    def total(self, found: dict[int, int], own_ns: int | None) -> int:
        """Return the nanoseconds of all that were ever seen.

        Args:
            found: those of the living, now.
            own_ns: those of the root, if that is known exactly.
        """
        vanished = self._living.keys() - found.keys() - {self._root}
        lost = sorted((self._living.pop(pid) for pid in vanished), reverse=True)
        before = self._living[self._root]
        for pid, used in found.items():
            self._living[pid] = max(self._living.get(pid, 0), used)
        if own_ns is not None:
            self._living[self._root] = max(self._living[self._root], own_ns)
        # The root may have waited for some of them in its last moment: then it has their time.
        grown = self._living[self._root] - before
        for used in lost:
            if used <= grown:
                grown -= used
            else:
                self._gone += used
        return self._gone + sum(self._living.values())


class ClockTree:
    """A worker and the processes of its session."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._used = Used(pid, process_ns(pid))

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds; those of the dead as they were when last seen alive."""
        found: dict[int, int] = {}
        for pid, below in session_members(self._pid).items():
            try:
                found[pid] = process_ns(pid) + below
            except OSError:
                continue
        return self._used.total(found, own_ns)

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
        _text(f"/proc/{os.getpid()}/stat")  # what sessions are told by

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
        self._used = Used(pid, 0)

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds; those of the dead as they were when last seen alive."""
        found: dict[int, int] = {}
        try:
            living = [self._process, *self._process.children(recursive=True)]
        except self._psutil.Error:
            living = []
        for process in living:
            try:
                times = process.cpu_times()
            except self._psutil.Error:
                continue
            found[process.pid] = int(sum(times[:4]) * _NS)
        return self._used.total(found, own_ns)

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
