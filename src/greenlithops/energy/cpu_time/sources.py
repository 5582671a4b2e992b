"""Which CPU times are taken on this machine: the best that it allows, and why not the others."""

from __future__ import annotations

import errno
import itertools
from typing import TYPE_CHECKING, NamedTuple

from greenlithops.energy.cpu_time.machine import open_cpu_clock
from greenlithops.energy.cpu_time.shared import Shared
from greenlithops.energy.meters import Refusal
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.cpu_time.ebpf import Scheduler
    from greenlithops.energy.cpu_time.machine import CpuClock
    from greenlithops.energy.cpu_time.trees import Tree, TreeSource

#: The sources in the order in which ``auto`` tries them.
SOURCES = ("clock", "ticks")

#: Those that are taken by name only, and why: they see more, and change the machine for it.
BY_NAME = {
    "ebpf": "by name only: it is run at every switch between tasks of the whole machine, which "
    "makes a round trip through a pipe take 15 instead of 10 µs",
    "cgroup": "by name only: it moves workers into control groups of their own",
    "taskstats": "by name only: it hears of every task of the machine that ends, each time for "
    "0.2 ms of CPU time",
}


class CpuSources(NamedTuple):
    """What tells who used the CPUs.

    Attributes:
        choice: what was asked for.
        clock: the busy time of the whole machine.
        trees: the time of workers and of what their calls start.
        refusals: the sources tried in vain, in order.
    """

    choice: str
    clock: CpuClock
    trees: TreeSource
    refusals: tuple[Refusal, ...] = ()

    def close(self) -> None:
        """Let go of what they hold."""
        self.trees.close()
        self.clock.close()


def open_cpu_sources(choice: str = "auto") -> CpuSources:
    """Open the CPU-time sources of this machine.

    Args:
        choice: ``auto`` for the best that changes nothing on this machine, or the name of one to
            insist on it: ``ebpf``, ``cgroup``, ``taskstats``, ``clock``, ``ticks``.

    Raises:
        ConfigurationError: the source is unknown, or was named and cannot be used here.
    """
    known = (*BY_NAME, *SOURCES)
    if choice != "auto" and choice not in known:
        raise ConfigurationError(
            f"There is no CPU-time source {choice!r}. Known are auto, {', '.join(known)}."
        )
    refusals: list[Refusal] = []
    if choice == "auto":
        refusals += [Refusal(name, reason) for name, reason in BY_NAME.items()]
    for name in SOURCES if choice == "auto" else (choice,):
        try:
            clock, trees = _OPEN[name]()
        except (OSError, ImportError, ValueError) as error:
            refusals.append(Refusal(name, _reason(name, error)))
        else:
            return CpuSources(choice, clock, trees, tuple(refusals))
    raise ConfigurationError(f"The CPU-time source {'; '.join(map(str, refusals))}")


def _reason(name: str, error: Exception) -> str:
    if isinstance(error, ImportError) and name == "taskstats":
        return "pyroute2 is not installed: pip install 'greenlithops[taskstats]'"
    if isinstance(error, PermissionError) and (name != "ebpf" or error.errno == errno.EPERM):
        return f"not permitted; it needs {_NEEDS[name]}"
    return str(error) or type(error).__name__


_NEEDS = {
    "ebpf": "CAP_BPF and CAP_PERFMON, or root",
    "cgroup": "a control group of its own that it may write to",
    "taskstats": "CAP_NET_ADMIN in the first user namespace, or root",
    "clock": "/proc",
    "ticks": "/proc",
}


def _scheduler() -> Scheduler:
    from greenlithops.energy.cpu_time.ebpf import Scheduler  # noqa: PLC0415 - imports ctypes

    return Scheduler()


_shared = Shared(_scheduler)
_numbers = itertools.count(1)


class EbpfTree:
    """A process and its descendants, counted in the kernel."""

    def __init__(self, scheduler: Scheduler, pid: int) -> None:
        from greenlithops.energy.cpu_time.processes import process_ns  # noqa: PLC0415 - one use

        self._scheduler = scheduler
        self._pid = pid
        self._number = next(_numbers)
        scheduler.adopt(pid, self._number, process_ns(pid))
        self._last = 0

    def read(self, own_ns: int | None = None) -> int:
        """Return CPU nanoseconds of all that ever belonged to it."""
        self._last = max(self._last, self._scheduler.read(self._number), own_ns or 0)
        return self._last

    def close(self) -> None:
        """Count no more."""
        self._scheduler.ended(self._pid)
        self._scheduler.forget(self._number)


class EbpfTrees:
    """Adopts processes in the kernel."""

    name = "ebpf"
    resolution = 1e-6
    notes: tuple[str, ...] = ()

    def __init__(self) -> None:
        self._scheduler = _shared.acquire()

    def adopt(self, pid: int) -> Tree:
        """Begin to count a process."""
        return EbpfTree(self._scheduler, pid)

    def close(self) -> None:
        """Take the programs out of the kernel, if nobody else needs them."""
        _shared.release()


def _ebpf() -> tuple[CpuClock, TreeSource]:
    from greenlithops.energy.cpu_time.ebpf import EbpfClock  # noqa: PLC0415 - imports ctypes

    trees = EbpfTrees()
    return EbpfClock(_shared.acquire(), _shared.release), trees


def _cgroup() -> tuple[CpuClock, TreeSource]:
    from greenlithops.energy.cpu_time.cgroup import CgroupTrees  # noqa: PLC0415 - when tried

    return _with_clock(CgroupTrees)


def _taskstats() -> tuple[CpuClock, TreeSource]:
    from greenlithops.energy.cpu_time.taskstats import TaskstatsTrees  # noqa: PLC0415 - when tried

    return _with_clock(TaskstatsTrees)


def _clock() -> tuple[CpuClock, TreeSource]:
    from greenlithops.energy.cpu_time.processes import ClockTrees  # noqa: PLC0415 - when tried

    return _with_clock(ClockTrees)


def _ticks() -> tuple[CpuClock, TreeSource]:
    from greenlithops.energy.cpu_time.processes import TickTrees  # noqa: PLC0415 - when tried

    return _with_clock(TickTrees)


def _with_clock(make: Callable[[], TreeSource]) -> tuple[CpuClock, TreeSource]:
    trees = make()
    try:
        return open_cpu_clock(), trees
    except BaseException:
        trees.close()
        raise


_OPEN: dict[str, Callable[[], tuple[CpuClock, TreeSource]]] = {
    "ebpf": _ebpf,
    "cgroup": _cgroup,
    "taskstats": _taskstats,
    "clock": _clock,
    "ticks": _ticks,
}
