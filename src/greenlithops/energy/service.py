"""What calls cost in a service: what meters there say, else estimates from their times.

It has the place of an `EnergyWindow` where no meter can be read from here: nothing of the machines
that a service shares is known, so there is no figure of them, nor of what others burned.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlithops.energy.bounds import AGGREGATE_BELOW
from greenlithops.energy.carbon import carbon_intensity, grams_co2e
from greenlithops.energy.meters.coefficients import AVERAGES
from greenlithops.energy.meters.machine_types import machine_watts
from greenlithops.energy.records import CallEnergy, EnergyReport
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenlithops.energy.carbon import CarbonIntensity
    from greenlithops.energy.meters.coefficients import Coefficients
    from greenlithops.energy.records import Kind
    from greenlithops.models import CallJoules, ServiceSize, Told

METHOD = "serverless"
_SECONDS = 1e-9
#: power usage effectiveness, as Cloud Carbon Footprint gives it; see `grams_co2e`
_PUE = {"AWS": 1.135, "GCP": 1.1, "Azure": 1.185, "Alibaba": 1.3, "other": 1.58}


@dataclass(slots=True)
class _Sum:
    """What calls cost together whose figures come from one source.

    Attributes:
        method: the meter, or `METHOD`.
        reason: what the reader of the figures must know.
    """

    method: str
    reason: str
    calls: int = 0
    wall_ns: int = 0
    cpu_ns: int = 0
    joules: float = 0.0
    low: float | None = 0.0
    high: float | None = 0.0
    idle: float | None = 0.0
    covered_ns: float = 0.0
    domains: dict[str, float] = field(default_factory=dict)

    def estimate(self, watts: Coefficients, vcpus: float, wall_ns: int, cpu_ns: int) -> None:
        """Add a call whose joules are computed."""
        joules = (watts.full - watts.idle) * cpu_ns * _SECONDS
        self._add(wall_ns, cpu_ns, joules, joules * watts.low, joules * watts.high)
        self.covered_ns += max(0, wall_ns)
        self.idle = (self.idle or 0.0) + watts.idle * vcpus * max(0, wall_ns) * _SECONDS

    def measure(self, found: CallJoules, wall_ns: int, cpu_ns: int) -> None:
        """Add a call whose joules were measured where it ran."""
        self._add(wall_ns, cpu_ns, found.joules, found.low, found.high)
        self.covered_ns += found.coverage * max(0, wall_ns)
        self.idle = None
        for name, joules in found.domains.items():
            self.domains[name] = self.domains.get(name, 0.0) + joules

    def _add(
        self, wall_ns: int, cpu_ns: int, joules: float, low: float | None, high: float | None
    ) -> None:
        self.calls += 1
        self.wall_ns += max(0, wall_ns)
        self.cpu_ns += cpu_ns
        self.joules += joules
        self.low = _plus(self.low, low)
        self.high = _plus(self.high, high)


class ServiceWindow:
    """The calls that ran in a service, and what each of them cost.

    Where a meter was read beside a call, its figure is the call's, and its kind is ``measured``.
    Else the watts per virtual CPU are those of the machine's type, if it is known, or the
    provider's average in Cloud Carbon Footprint's coefficients, or the mean of the three averages
    that there are. Then a call's joules are those above idle, ``(full - idle) * CPU seconds``, with
    the bounds of the coefficients; its share of the idle server,
    ``idle * virtual CPUs * seconds``, stands beside them. Together they are the view "used" of
    `greenlithops.energy.meters.serverless`.

    Args:
        size: what the service reserves for an invocation.
        parent: a window that these calls are in, too.
    """

    def __init__(self, size: ServiceSize, parent: ServiceWindow | None = None) -> None:
        self._size = size
        self._parent = parent
        average = AVERAGES.get(f"{size.provider} average") or AVERAGES["cloud average"]
        self._watts = [average]  #: of which calls name theirs by its place
        self._places: dict[str | None, int] = {None: 0}  #: of machine types
        self._starts = array("q")
        self._ends = array("q")
        self._cpu = array("q")
        self._types = array("H")
        self._measured: dict[int, tuple[Told, CallJoules]] = {}
        self._sums: dict[tuple[str, str], _Sum] = {}
        self._intensity = _intensity(size.region)
        self._pue = _PUE[size.provider]

    def add(
        self,
        starts: array[int],
        ends: array[int],
        cpu: array[int],
        told: Told | None = None,
    ) -> None:
        """Append finished calls.

        Args:
            starts: when each began, in nanoseconds.
            ends: when each ended.
            cpu: its CPU time.
            told: what is known of where they ran.
        """
        first = len(self._starts)
        self._starts.extend(starts)
        self._ends.extend(ends)
        self._cpu.extend(cpu)
        place = self._place(told.machine_type if told is not None else None)
        self._types.extend([place] * len(starts))
        if told is not None and told.method is not None:
            for index, found in enumerate(told.calls[: len(starts)], first):
                if found is not None:
                    self._measured[index] = (told, found)
        self._put(range(first, len(self._starts)), self._sums)
        if self._parent is not None:
            self._parent.add(starts, ends, cpu, told)

    def _place(self, machine_type: str | None) -> int:
        place = self._places.get(machine_type)
        if place is None:
            watts = machine_watts(machine_type)
            place = 0
            if watts is not None:
                place = len(self._watts)
                self._watts.append(watts)
            self._places[machine_type] = place
        return place

    def _put(self, indices: Iterable[int], sums: dict[tuple[str, str], _Sum]) -> None:
        """Add calls to the sums of their sources."""
        for index in indices:
            wall, cpu = self._ends[index] - self._starts[index], self._cpu[index]
            if (found := self._measured.get(index)) is not None:
                told, joules = found
                source = (told.method or "none", told.reason or "")
                sums.setdefault(source, _Sum(*source)).measure(joules, wall, cpu)
                continue
            watts = self._watts[self._types[index]]
            source = (METHOD, watts.name)
            if (one := sums.get(source)) is None:
                one = sums[source] = _Sum(METHOD, _estimated(watts))
            one.estimate(watts, self._size.vcpus, wall, cpu)

    def call(self, index: int) -> CallEnergy:
        """Return what one call cost, by its place in the order in which calls were added."""
        return self.calls([index])

    def calls(self, indices: Sequence[int]) -> CallEnergy:
        """Return what several runs of the same call cost together: its failed attempts too."""
        sums: dict[tuple[str, str], _Sum] = {}
        self._put(indices, sums)
        return self._record(list(sums.values()))

    def report(self) -> EnergyReport:
        """Return what all calls cost together."""
        sums = self._record(list(self._sums.values()))
        window = (max(self._ends) - min(self._starts)) * _SECONDS if self._starts else 0.0
        return EnergyReport(
            sums.joules,
            sums.joules_low,
            sums.joules_high,
            sums.kind,
            sums.method,
            window,
            sums.cpu_s,
            len(self._starts),
            coverage=sums.coverage,
            domains=sums.domains,
            idle_joules=sums.idle_joules,
            reason=sums.reason,
            gco2e=sums.gco2e,
            carbon_intensity=self._intensity,
        )

    def within(self) -> ServiceWindow:
        """Return a window for some of these calls."""
        return ServiceWindow(self._size, self)

    def close(self) -> None:
        """Do nothing: nothing is read."""

    def _record(self, sums: list[_Sum]) -> CallEnergy:
        sums = sums or [_Sum(METHOD, _estimated(self._watts[0]))]
        guessed = sum(one.calls for one in sums if one.method == METHOD)
        count = sum(one.calls for one in sums)
        kind: Kind = "measured" if count and not guessed else "estimated"
        remarks = [one.reason for one in sums if one.reason]
        if guessed and guessed < count:
            remarks.insert(0, f"{count - guessed:,} of {count:,} were measured")
        low, high, idle = sums[0].low, sums[0].high, sums[0].idle
        for one in sums[1:]:
            low, high, idle = _plus(low, one.low), _plus(high, one.high), _plus(idle, one.idle)
        joules, wall = sum(one.joules for one in sums), sum(one.wall_ns for one in sums)
        names = {name for one in sums for name in one.domains} if not guessed else ()
        return CallEnergy(
            joules,
            low,
            high,
            kind,
            "+".join(sorted({one.method for one in sums})),
            wall * _SECONDS,
            sum(one.cpu_ns for one in sums) * _SECONDS,
            coverage=sum(one.covered_ns for one in sums) / wall if wall else 1.0,
            domains={name: sum(one.domains.get(name, 0.0) for one in sums) for name in names},
            idle_joules=idle,
            aggregate_only=wall * _SECONDS < AGGREGATE_BELOW,
            reason="; ".join(remarks) or None,
            gco2e=grams_co2e(joules, self._intensity, pue=self._pue),
        )


def _estimated(watts: Coefficients) -> str:
    return (
        f"from {watts.name} coefficients for each virtual CPU; without memory, the start of "
        "environments, and what the service needs besides"
    )


def _plus(a: float | None, b: float | None) -> float | None:
    return None if a is None or b is None else a + b


def _intensity(region: str | None) -> CarbonIntensity | None:
    """Return the electricity of a region; None for one that the tables do not have."""
    try:
        return carbon_intensity(region)
    except ConfigurationError:
        return None
