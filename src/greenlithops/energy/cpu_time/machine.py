"""How long the whole machine was busy: the denominator of every call's share.

Sources, the most precise first; which one was taken is in its `name`:

``cpuacct``
    The root group of the cgroup v1 controller: nanoseconds from the scheduler's own clock, brought
    up to date at every switch and tick (within 4 ms at 250 Hz). The group of a container is not
    the machine's; only the true root has a ``release_agent``.
``stat``
    ``/proc/stat``, as elapsed time of all CPUs less their idle, I/O-wait and stolen time. Idle time
    is kept to the microsecond by kernels that stop the tick when idle, and given in steps of 10 ms,
    whereas the ticks of ``user`` and ``system`` miss tasks that sleep between two ticks (measured
    over minutes of short tasks: 4 to 9 % too low).
``psutil``
    On other systems.

``/proc/schedstat`` is left out on purpose although it counts nanoseconds: the kernel adds a task's
time to it only when the task leaves its CPU (``sched_info_depart``), so a call that computes for a
second is absent from nine samples at 10 Hz and then arrives in one lump.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Protocol

_NS = 1_000_000_000


class CpuClock(Protocol):
    """Counts the CPU time of everything that runs on the machine."""

    name: str  #: the source, as records and ``energy probe`` show it
    resolution: float  #: seconds by which one reading may be off

    def read(self) -> int:
        """Return the machine's busy CPU time in nanoseconds, since some moment in the past."""
        ...

    def close(self) -> None:
        """Release file descriptors."""
        ...


class CpuacctClock:
    """Reads ``cpuacct.usage`` of the root control group."""

    name = "cpuacct"
    resolution = 0.004

    def __init__(self, folder: str) -> None:
        os.stat(f"{folder}/release_agent")  # noqa: PTH116 - raises unless it is the true root
        self._fd = os.open(f"{folder}/cpuacct.usage", os.O_RDONLY | os.O_CLOEXEC)

    def read(self) -> int:
        """Return busy nanoseconds."""
        return int(os.pread(self._fd, 32, 0))

    def close(self) -> None:
        """Close the file."""
        _close(self)


class StatClock:
    """Derives busy time from what ``/proc/stat`` says of idleness."""

    name = "stat"
    resolution = 0.010

    def __init__(self, proc: str = "/proc") -> None:
        self._fd = os.open(f"{proc}/stat", os.O_RDONLY | os.O_CLOEXEC)
        self._size = 8192 + 160 * (os.cpu_count() or 1)  # the lines of all CPUs, which come first
        self._tick_ns = _NS // os.sysconf("SC_CLK_TCK")
        self._cpus = 0
        self._offset = 0  # makes the count go on where it was when CPUs come or go
        self._last = 0

    def read(self) -> int:
        """Return busy nanoseconds, never less than the last time."""
        head = os.pread(self._fd, self._size, 0)
        now = time.monotonic_ns()
        line, _, rest = head.partition(b"\n")
        fields = line.split()
        idle, iowait = int(fields[4]), int(fields[5])
        steal = int(fields[8]) if len(fields) > 8 else 0  # noqa: PLR2004 - before Linux 2.6.11
        cpus = 1 + rest.count(b"\ncpu") if rest.startswith(b"cpu") else 1
        busy = now * cpus - (idle + iowait + steal) * self._tick_ns
        if cpus != self._cpus:
            self._offset = self._last - busy
            self._cpus = cpus
        self._last = max(self._last, busy + self._offset)
        return self._last

    def close(self) -> None:
        """Close the file."""
        _close(self)


class PsutilClock:
    """Asks psutil, for systems without ``/proc``."""

    name = "psutil"
    resolution = 0.010

    def __init__(self) -> None:
        import psutil  # noqa: PLC0415 - heavy, and not needed on Linux

        self._cpu_times = psutil.cpu_times
        self._last = 0

    def read(self) -> int:
        """Return busy nanoseconds, never less than the last time."""
        times = self._cpu_times()._asdict()
        # `guest` is contained in `user`; `idle`, `iowait` and `steal` are not work.
        busy = sum(times.get(key, 0.0) for key in ("user", "nice", "system", "irq", "softirq"))
        self._last = max(self._last, int(busy * _NS))
        return self._last

    def close(self) -> None:
        """Nothing is held open."""


def open_cpu_clock(
    *, cgroup: str = "/sys/fs/cgroup/cpuacct", proc: str = "/proc", platform: str = sys.platform
) -> CpuClock:
    """Open the most precise source of the machine's busy CPU time that this machine has."""
    if platform == "linux":
        try:
            return CpuacctClock(cgroup)
        except OSError:  # cgroup v2 only, or a container: the usual case
            return StatClock(proc)
    return PsutilClock()


def _close(clock: CpuacctClock | StatClock) -> None:
    fd, clock._fd = clock._fd, -1  # noqa: SLF001 - a function of this module's own classes
    if fd >= 0:
        os.close(fd)
