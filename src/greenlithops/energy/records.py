"""The figures that users read: every one says of which kind it is, and unknown is None."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.energy.carbon import CarbonIntensity

#: How a figure came about: read from hardware, computed from coefficients, or not at all.
Kind = Literal["measured", "estimated", "unavailable"]


@dataclass(frozen=True, slots=True)
class CallEnergy:
    """What one call cost: its share, by CPU time, of the energy above idle.

    Attributes:
        joules: the energy in joules, or None when it is unknown.
        joules_low: at least this many joules, or None when no lower bound is known.
        joules_high: at most this many joules, or None when no upper bound is known.
        kind: ``measured``, ``estimated`` or ``unavailable``.
        method: the meter's name (``powercap``, ``model`` …); ``none`` when there was none.
        scope: what the figure is of; always ``function`` here.
        domains: joules by domain (``package``, ``dram``, ``core`` …). ``core`` and ``uncore``
            are inside ``package``, so domains need not add up to `joules`.
        window_s: seconds from the call's start to its end.
        cpu_s: seconds of CPU time that the call used.
        coverage: fraction of the window in which the meter was read; the joules are of that part.
        idle_joules: the call's share of idle energy; None, since by default a call has none.
        aggregate_only: the call was too short for its figure to mean much by itself.
        reason: why there is no figure, or what its reader must know.
        gco2e: grams of CO2 equivalent, or None.
    """

    joules: float | None
    joules_low: float | None
    joules_high: float | None
    kind: Kind
    method: str
    window_s: float
    cpu_s: float
    coverage: float = 1.0
    scope: str = "function"
    domains: Mapping[str, float] = field(default_factory=dict)
    idle_joules: float | None = None
    aggregate_only: bool = False
    reason: str | None = None
    gco2e: float | None = None

    def as_stats(self) -> dict[str, float | str | None]:
        """Return it under the keys that the Green Computing fork of Lithops documents.

        They are in ``future.stats`` of the synchronous face, and mean what they say there:
        ``worker_func_energy_pkg`` is the call's own share of the processor packages' joules above
        idle (estimates are of package and memory together), ``_cores`` the part of it in the cores,
        ``_duration`` the call's seconds, ``_method_used`` the meter, and ``_source`` whether it is
        ``measured``, ``estimated`` or ``unavailable``. Unknown is None, never 0.
        """
        whole = self.joules if self.kind == "estimated" else None
        return {
            "worker_func_energy_pkg": self.domains.get("package", whole),
            "worker_func_energy_cores": self.domains.get("core"),
            "worker_func_energy_duration": self.window_s,
            "worker_func_energy_method_used": self.method,
            "worker_func_energy_source": self.kind,
        }

    def __str__(self) -> str:
        return _describe(self)


@dataclass(frozen=True, slots=True)
class EnergyReport:
    """What many calls cost together (a job, an executor), and the machine meanwhile.

    For one report, ``joules + idle_joules + other_joules == machine_joules`` to rounding.

    Attributes:
        joules: the calls' energy above idle in joules, or None when it is unknown.
        joules_low: at least this many joules, or None.
        joules_high: at most this many joules, or None.
        kind: ``measured``, ``estimated`` or ``unavailable``.
        method: the meter's name; ``none`` when there was none.
        scope: what `joules` is of; always ``functions`` here.
        domains: the calls' joules by domain.
        idle_joules: what the machine would have burned anyway over the window; None if unknown,
            and then `joules` and `other_joules` contain it.
        idle_source: where the idle power comes from: ``learnt``, ``stated``, the meter's own, or
            which meter measured it when (``greenlithops energy calibrate --idle``).
        other_joules: what the rest of the machine burned above idle.
        machine_joules: all that the meter counted over the window.
        cpu_source: where the machine's CPU time came from (``cpuacct``, ``stat`` …).
        window_s: seconds from the window's opening to the last sample.
        cpu_s: seconds of CPU time that the calls used.
        calls: how many calls the report is of.
        coverage: fraction of the calls' seconds in which the meter was read.
        reason: why there is no figure, or what its reader must know.
        gco2e: grams of CO2 equivalent of `joules`, PUE included, or None.
        carbon_intensity: the electricity that `gco2e` supposes.
    """

    joules: float | None
    joules_low: float | None
    joules_high: float | None
    kind: Kind
    method: str
    window_s: float
    cpu_s: float
    calls: int
    coverage: float = 1.0
    scope: str = "functions"
    domains: Mapping[str, float] = field(default_factory=dict)
    idle_joules: float | None = None
    other_joules: float | None = None
    machine_joules: float | None = None
    cpu_source: str | None = None
    idle_source: str | None = None
    reason: str | None = None
    gco2e: float | None = None
    carbon_intensity: CarbonIntensity | None = None

    def __str__(self) -> str:
        count = f"{self.calls:,} call{'' if self.calls == 1 else 's'}"
        text = f"{count}: {_describe(self)}"
        if self.machine_joules is not None:
            idle = "unknown" if self.idle_joules is None else _joules(self.idle_joules)
            text += (
                f"; machine {_joules(self.machine_joules)} in {self.window_s:.3g} s, idle {idle}"
            )
        return text


def _describe(record: CallEnergy | EnergyReport) -> str:
    """Return ``12.3 J estimated (model), 4.0-25 J, 0.0016 gCO2e``."""
    if record.joules is None:
        return f"energy unavailable: {record.reason or 'no reason is known'}"
    parts = [f"{_joules(record.joules)} {record.kind} ({record.method})"]
    if record.joules_low is not None and record.joules_high is not None:
        parts.append(f"{record.joules_low:.2g}\N{EN DASH}{record.joules_high:.2g} J")
    if record.gco2e is not None:
        parts.append(f"{record.gco2e:.2g} gCO2e")
    if isinstance(record, CallEnergy) and record.aggregate_only:
        parts.append("short: only the sum of many means something")
    return ", ".join(parts)


def _joules(value: float) -> str:
    return f"{value:.3g} J" if abs(value) < 1000 else f"{value:,.0f} J"  # noqa: PLR2004 - digits
