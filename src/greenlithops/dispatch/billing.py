"""What an invocation costs by public prices: of what the service bills, or else of what it took."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.energy.cost import price, usage
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from array import array

    from greenlithops.models import ServiceSize


def seconds_of(times: array[int]) -> float:
    """Return the seconds from the first beginning to the last end of calls.

    Args:
        times: their figures, as `greenlithops.worker.calls.Times` has them.
    """
    starts, walls = times[0::FIELDS], times[1::FIELDS]
    ends = (start + wall for start, wall in zip(starts, walls, strict=True))
    return (max(ends) - min(starts)) / 1e9 if starts else 0.0


def dollars(size: ServiceSize | None, seconds: float, invocations: float = 1.0) -> float | None:
    """Return what a service's time costs, its fee included and without a free tier.

    Args:
        size: what it reserves; None, or without a tariff: what it costs is not known.
        seconds: how long.
        invocations: how many they were, or which part of one.
    """
    if size is None or size.tariff is None:
        return None
    used = usage(size.tariff, [seconds], memory_mb=size.memory_mb, vcpus=size.vcpus)
    if "requests" in used:
        used["requests"] = invocations
    return price(size.tariff, used, free_tier=False)
