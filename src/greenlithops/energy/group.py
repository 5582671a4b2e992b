"""A control group's part of what a machine burns: a meter for who shares the machine, as pods do.

In each span of time a group gets the machine's energy above idle by its share of the machine's CPU
time. What ran in it divides that by CPU time again; so a machine's meter is read once, and the
groups' parts never add up to more than there is.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from greenlithops.energy.timeline import Timeline

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.energy.cpu_time.machine import CpuClock
    from greenlithops.energy.kept import KeptIdle
    from greenlithops.protocols import EnergyKind, EnergyMeter

SPAN_NS = 100_000_000  #: from which shares are settled: machines tell CPU time in steps of 10 ms
_MICRO = 1000


class GroupClock:
    """Counts the CPU time of the control group that this process is in, as containers see it.

    Args:
        proc: where processes' files are.
        root: where control groups are mounted.

    Raises:
        OSError: no group's CPU time can be read.
    """

    name = "cgroup"
    resolution = 0.001

    def __init__(self, proc: str = "/proc", root: str = "/sys/fs/cgroup") -> None:
        with open(f"{proc}/self/cgroup") as file:  # noqa: PTH123 - no pathlib for one file
            places = _places(file.read(), root)
        for place in places:
            try:
                self._file = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            self._last = 0
            return
        raise OSError(f"no control group's CPU time is in {', '.join(places) or root}")

    def read(self) -> int:
        """Return the group's CPU nanoseconds, never less than the last time."""
        text = os.pread(self._file, 256, 0)
        whole = text.startswith(b"usage_usec")
        used = int(text.split(None, 2)[1]) * _MICRO if whole else int(text)
        self._last = max(self._last, used)
        return self._last

    def close(self) -> None:
        """Close the file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def _places(own: str, root: str) -> list[str]:
    """Return where a group's CPU time may be: at its path, or where a container has it mounted."""
    found = []
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        path = path.rstrip("/")
        if "cpuacct" in controllers.split(","):
            names = (controllers, "cpu,cpuacct", "cpuacct")
            found += [f"{root}/{name}{at}/cpuacct.usage" for at in (path, "") for name in names]
        elif not controllers:
            found += [f"{root}{at}/cpu.stat" for at in (path, "")]
    return found


class GroupMeter:
    """The part of a machine's energy that a control group used.

    Args:
        meter: the machine's; closed with this.
        machine: the machine's busy CPU time; closed with this.
        group: the group's CPU time; closed with this.
        idle_watts: the machine's idle power if it is known; by default the meter's own, or learnt.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        machine: CpuClock,
        group: CpuClock,
        *,
        idle_watts: float | KeptIdle | None = None,
    ) -> None:
        self._meter = meter
        self._machine = machine
        self._group = group
        self.name = meter.name
        self.kind: EnergyKind = meter.kind
        self.domains = meter.domains
        self.totals = meter.totals
        self.update_period = meter.update_period
        self.max_interval = min(1.0, meter.max_interval)
        self.idle_watts: Mapping[str, float] | None = dict.fromkeys(meter.domains, 0.0)
        self._timeline = Timeline(meter, os.cpu_count() or 1, idle_watts=idle_watts)
        self._settled = dict.fromkeys(meter.domains, 0.0)
        self._told = dict(self._settled)
        self._idle_included = False
        self._begin = self._sample()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of its figures must know."""
        own = ("idle energy is included where it was not known",) if self._idle_included else ()
        return (*self._meter.notes, *own)

    @property
    def bounds(self) -> tuple[float, float]:
        """What the true joules are at least and at most, as factors."""
        low, high = self._meter.bounds
        return 0.0 if self._idle_included else low, high

    def _sample(self) -> tuple[int, int]:
        joules, now = self._meter.read(), time.monotonic_ns()
        self._timeline.append(now, joules, self._machine.read())
        return now, self._group.read()

    def read(self) -> Mapping[str, float]:
        """Return the group's joules above idle by domain, since this was made.

        Raises:
            OSError: the machine's meter is lost.
        """
        begin, before = self._begin
        now, used = self._sample()
        spans = self._timeline.between(begin, now)
        busy = sum(span.busy_ns for span in spans)
        share = (used - before) / max(busy, used - before, 1)
        found = dict(self._settled)
        for span in spans:
            idle = span.idle or (0.0,) * len(span.joules)
            self._idle_included |= span.idle is None
            for domain, joules, base in zip(self.domains, span.joules, idle, strict=True):
                found[domain] += (joules - base) * share
        if now - begin >= SPAN_NS:
            self._settled = dict(found)
            self._begin = now, used
            self._timeline.prune(now)
        self._told = {domain: max(self._told[domain], found[domain]) for domain in found}
        return dict(self._told)

    def close(self) -> None:
        """Close the meter and the clocks."""
        self._meter.close()
        self._machine.close()
        self._group.close()
