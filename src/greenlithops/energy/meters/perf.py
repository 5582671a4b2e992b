"""RAPL through perf events: the processors' energy counters as the kernel adds them up itself.

The kernel extends the 32-bit counters to 64 bits, so nothing wraps, and gives them without root to
whoever has CAP_PERFMON, or to all where ``perf_event_paranoid`` is 0 or less (Raffin and Trystram
2024, arXiv 2401.15985, recommend this way). Everything about the events is read from sysfs: the
PMU's number, each event's code, scale and unit, and the CPU of each socket that it is read on.
"""

from __future__ import annotations

import ctypes
import os
import platform
import struct
from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlithops.energy.meters import MeterRefused, sysfs
from greenlithops.energy.meters.domains import counted, totals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SYSCALLS = {"x86_64": 298, "aarch64": 241}
_ATTR_BYTES = 128
_CLOSE_ON_EXEC = 8
_COUNT = struct.Struct("=Q")
_DOMAINS = {
    "energy-pkg": "package",
    "energy-psys": "psys",
    "energy-ram": "dram",
    "energy-cores": "core",
    "energy-core": "core",  # of each core, on AMD
    "energy-gpu": "uncore",
}


@dataclass(frozen=True, slots=True)
class Event:
    """One energy event of a PMU.

    Attributes:
        name: as in sysfs: ``energy-pkg`` …
        domain: what it counts.
        pmu: the number of the PMU.
        config: the event's code.
        scale: joules of one count.
        cpus: one CPU for each counter: of each socket, or of each core.
    """

    name: str
    domain: str
    pmu: int
    config: int
    scale: float
    cpus: tuple[int, ...]


class Counter:
    """One open event on one CPU."""

    __slots__ = ("_fd", "_first", "_held", "event", "joules", "label")

    def __init__(self, fd: int, event: Event, cpu: int) -> None:
        self._fd = fd
        self.event = event
        self.label = f"{event.name} on CPU {cpu}"
        self.joules = 0.0
        self._held = bytearray(_COUNT.size)
        self._first = 0
        self._first = self._count()

    def _count(self) -> int:
        if os.readv(self._fd, [self._held]) != _COUNT.size:
            raise OSError("the counter is gone: its CPU is offline")
        return int(_COUNT.unpack(self._held)[0])

    def advance(self) -> None:
        """Read what has been counted since it was opened.

        Raises:
            OSError: the counter is gone.
        """
        now = ((self._count() - self._first) & 0xFFFF_FFFF_FFFF_FFFF) * self.event.scale
        self.joules = max(self.joules, now)

    def close(self) -> None:
        """Close the event."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)


class PerfMeter:
    """Adds up the events of a machine by domain."""

    name = "perf"
    kind = "measured"
    update_period = 0.001
    bounds = (1.0, 1.0)
    max_interval = 60.0  # the kernel's own timer reads the hardware well before it wraps
    idle_watts: Mapping[str, float] | None = None

    def __init__(self, counters: list[Counter], notes: tuple[str, ...] = ()) -> None:
        self.domains = counted(counter.event.domain for counter in counters)
        self.totals = totals(self.domains)
        self.notes = notes
        self._counters = counters
        self._gone = dict.fromkeys(self.domains, 0.0)

    def read(self) -> Mapping[str, float]:
        """Return joules by domain since the meter was opened.

        Raises:
            OSError: no counter is left of those that add up to the machine.
        """
        sums = dict(self._gone)
        alive = False
        for counter in self._counters[:]:
            domain = counter.event.domain
            try:
                counter.advance()
            except OSError as error:
                self._counters.remove(counter)
                self._gone[domain] += counter.joules
                counter.close()
                self.notes += (f"{counter.label} has stopped contributing: {error}",)
            else:
                alive = alive or domain in self.totals
            sums[domain] += counter.joules
        if not alive:
            raise OSError("all RAPL events are gone: " + "; ".join(self.notes))
        return sums

    def close(self) -> None:
        """Close the events."""
        for counter in self._counters:
            counter.close()


def open_meter(root: str | None = None, proc: str = "/proc/sys/kernel") -> PerfMeter:
    """Open the energy events of this machine.

    Args:
        root: where sysfs shows the PMUs; by default below `sysfs`.
        proc: where the kernel's settings are.

    Raises:
        MeterRefused: there are no such events, or they may not be opened.
    """
    root = root or f"{sysfs()}/bus/event_source/devices"
    found, notes = _discover(root)
    wanted = counted(event.domain for event in found)
    if not wanted:
        raise MeterRefused(
            f"{root}/power has no energy-pkg event: a virtual machine, or intel_rapl_perf "
            "(rapl) is not loaded"
        )
    open_event = _opener()
    counters: list[Counter] = []
    try:
        for event in found:
            for cpu in event.cpus if event.domain in wanted else ():
                counter = Counter(open_event(event, cpu), event, cpu)
                counters.append(counter)
    except OSError as error:
        for counter in counters:
            counter.close()
        raise MeterRefused(_reason(error, proc)) from error
    return PerfMeter(counters, tuple(notes))


def _reason(error: OSError, proc: str) -> str:
    if isinstance(error, PermissionError):
        level = _text(f"{proc}/perf_event_paranoid") or "not known"
        return (
            f"kernel.perf_event_paranoid is {level}: system-wide events need CAP_PERFMON, or "
            "`sudo sysctl kernel.perf_event_paranoid=0`"
        )
    return f"the energy events cannot be opened: {error}"


def _discover(root: str) -> tuple[list[Event], list[str]]:
    """Return the energy events that sysfs shows, and notes on those left out."""
    found: list[Event] = []
    notes: list[str] = []
    for name in ("power", "power_core"):
        folder = f"{root}/{name}"
        pmu, cpus = _text(f"{folder}/type"), cpu_list(_text(f"{folder}/cpumask"))
        if not pmu:
            continue
        for label in _names(f"{folder}/events"):
            path = f"{folder}/events/{label}"
            domain = _DOMAINS.get(label)
            if domain is None or any(event.domain == domain for event in found):
                continue
            unit = _text(f"{path}.unit")
            try:
                config, scale = event_config(_text(path)), float(_text(f"{path}.scale"))
            except ValueError:
                notes.append(f"{label} is left out: sysfs says neither its code nor its scale")
                continue
            if unit != "Joules":
                notes.append(f"{label} is left out: its unit is {unit or 'not known'}, not Joules")
                continue
            found.append(Event(label, domain, int(pmu), config, scale, cpus or (0,)))
    return found, notes


def event_config(text: str) -> int:
    """Return the code in ``event=0x02`` (more terms, such as ``umask=0x1``, follow with commas).

    Raises:
        ValueError: there is none.
    """
    terms = dict(term.partition("=")[::2] for term in text.split(","))
    return int(terms.get("event", ""), 0) | int(terms.get("umask") or "0", 0) << 8


def cpu_list(text: str) -> tuple[int, ...]:
    """Return the CPUs in a list such as ``0,16-18``."""
    cpus: list[int] = []
    for part in filter(None, text.split(",")):
        first, _, last = part.partition("-")
        cpus.extend(range(int(first), int(last or first) + 1))
    return tuple(cpus)


class _Opener:
    """Opens events; ctypes is loaded when there are some."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._libc = ctypes.CDLL(None, use_errno=True)

    def __call__(self, event: Event, cpu: int) -> int:
        attributes = struct.pack("=IIQ", event.pmu, _ATTR_BYTES, event.config)
        held = ctypes.create_string_buffer(attributes, _ATTR_BYTES)
        fd: int = self._libc.syscall(
            self._number, ctypes.byref(held), -1, cpu, -1, ctypes.c_ulong(_CLOSE_ON_EXEC)
        )
        if fd < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return fd


def _opener() -> _Opener:
    number = _SYSCALLS.get(platform.machine())
    if number is None or platform.system() != "Linux":
        raise MeterRefused(f"no perf_event_open on {platform.system()} {platform.machine()}")
    return _Opener(number)


def _names(folder: str) -> Iterator[str]:
    try:
        names = sorted(os.listdir(folder))  # noqa: PTH208 - pathlib is not imported for one folder
    except OSError:
        return
    yield from (name for name in names if name.startswith("energy-") and "." not in name)


def _text(path: str) -> str:
    try:
        with open(path) as file:  # noqa: PTH123 - as above
            return file.read().strip()
    except OSError:
        return ""
