"""What calls cost in a service whose size is known: estimates, with bounds, from their times.

It has the place of an `EnergyWindow` where no meter can be read: nothing of the machine that a
service shares is known, so there is no figure of it, nor of what others burned.
"""

from __future__ import annotations

from array import array
from dataclasses import replace
from typing import TYPE_CHECKING

from greenlithops.energy.carbon import carbon_intensity, grams_co2e
from greenlithops.energy.meters.coefficients import AVERAGES
from greenlithops.energy.records import AGGREGATE_BELOW, CallEnergy, EnergyReport
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.energy.carbon import CarbonIntensity
    from greenlithops.models import ServiceSize

METHOD = "serverless"
_SECONDS = 1e-9
#: power usage effectiveness, as Cloud Carbon Footprint gives it; see `grams_co2e`
_PUE = {"AWS": 1.135, "GCP": 1.1, "Azure": 1.185, "Alibaba": 1.3, "other": 1.58}


class ServiceWindow:
    """The calls that ran in a service, and estimates of what each of them cost.

    The watts per virtual CPU are the provider's average in Cloud Carbon Footprint's coefficients,
    or the mean of the three averages that there are.
    A call's joules are those above idle, ``(full - idle) * CPU seconds``, with the bounds of the
    coefficients; its share of the idle server, ``idle * virtual CPUs * seconds``, stands beside
    them. Together they are the view "used" of `greenlithops.energy.meters.serverless`.

    Args:
        size: what the service reserves for an invocation.
        parent: a window that these calls are in, too.
    """

    def __init__(self, size: ServiceSize, parent: ServiceWindow | None = None) -> None:
        self._size = size
        self._parent = parent
        self._watts = AVERAGES.get(f"{size.provider} average") or AVERAGES["cloud average"]
        self._starts = array("q")
        self._ends = array("q")
        self._cpu = array("q")
        self._intensity = _intensity(size.region)
        self._pue = _PUE[size.provider]

    def add(self, starts: array[int], ends: array[int], cpu: array[int]) -> None:
        """Append finished calls: when each began and ended, and its CPU time, in nanoseconds."""
        self._starts.extend(starts)
        self._ends.extend(ends)
        self._cpu.extend(cpu)
        if self._parent is not None:
            self._parent.add(starts, ends, cpu)

    def call(self, index: int) -> CallEnergy:
        """Return what one call cost, by its place in the order in which calls were added."""
        return self._record(self._ends[index] - self._starts[index], self._cpu[index])

    def calls(self, indices: Sequence[int]) -> CallEnergy:
        """Return what several runs of the same call cost together: its failed attempts too."""
        wall = sum(self._ends[index] - self._starts[index] for index in indices)
        return self._record(wall, sum(self._cpu[index] for index in indices))

    def report(self) -> EnergyReport:
        """Return what all calls cost together."""
        sums = self._record(sum(self._ends) - sum(self._starts), sum(self._cpu))
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

    def _record(self, wall_ns: int, cpu_ns: int) -> CallEnergy:
        watts, seconds, cpu_s = self._watts, max(0, wall_ns) * _SECONDS, cpu_ns * _SECONDS
        joules = (watts.full - watts.idle) * cpu_s
        found = CallEnergy(
            joules,
            joules * watts.low,
            joules * watts.high,
            "estimated",
            METHOD,
            seconds,
            cpu_s,
            idle_joules=watts.idle * self._size.vcpus * seconds,
            aggregate_only=seconds < AGGREGATE_BELOW,
            reason=f"from {watts.name} coefficients for each virtual CPU; without memory, the "
            "start of environments, and what the service needs besides",
        )
        return replace(found, gco2e=grams_co2e(joules, self._intensity, pue=self._pue))


def _intensity(region: str | None) -> CarbonIntensity | None:
    """Return the electricity of a region; None for one that the tables do not have."""
    try:
        return carbon_intensity(region)
    except ConfigurationError:
        return None
