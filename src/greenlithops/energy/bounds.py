"""What figures are at least and at most, and what several of them are together; pure."""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from greenlithops.energy.account import known_sum

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.energy.records import CallEnergy
    from greenlithops.protocols import EnergyMeter

#: Seconds below which one call's figure means something only in sum with others: hardware
#: counters step about once a millisecond, so both edges of a 10 ms call together blur a fifth.
AGGREGATE_BELOW = 0.010

_COVERED = 0.99  # samples at the edges are milliseconds off


def bounds(
    joules: float, window_s: float, meter: EnergyMeter, *, coverage: float
) -> tuple[float, float | None]:
    """Return what joules of a window are at least and at most; None if there is no upper bound.

    The counters step every so often, so at either edge of the window the energy of one step may be
    missing or too much; and the meter's own figures have bounds of their own. Where the meter was
    not read all the time, or its counters may have wrapped, nothing is known of the rest.
    """
    edges = 2 * meter.update_period
    blur = min(1.0, edges / window_s) if window_s > 0 else 1.0 if edges else 0.0
    low, high = meter.bounds
    limited = coverage > _COVERED and isfinite(high)
    return joules * low * (1 - blur), joules * high * (1 + blur) if limited else None


def together(records: Sequence[CallEnergy]) -> CallEnergy:
    """Return what several runs of one call cost together; there is at least one."""
    if len(records) == 1:
        return records[0]
    known = [record for record in records if record.joules is not None]
    window_s = sum(record.window_s for record in records)
    return replace(
        known[-1] if known else records[-1],
        joules=known_sum(record.joules for record in known),
        joules_low=known_sum(record.joules_low for record in known),
        joules_high=known_sum(record.joules_high for record in known),
        gco2e=known_sum(record.gco2e for record in known),
        domains={
            name: sum(record.domains[name] for record in known)
            for name in (known[0].domains if known else ())
        },
        window_s=window_s,
        cpu_s=sum(record.cpu_s for record in records),
        coverage=sum(record.coverage * record.window_s for record in records) / window_s
        if window_s
        else 0.0,
        aggregate_only=window_s < AGGREGATE_BELOW,
    )
