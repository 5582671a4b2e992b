"""What calls cost, or would cost elsewhere, in money: pure arithmetic on tables of public prices.

    used = usage("lambda-x86", [0.31, 0.29], memory_mb=1769)     # seconds of each call
    bill = Bill("lambda-x86")
    bill.add(used, month="2026-03")
    print(bill.total("2026-03"))                                   # the free tier, once a month

The unit ``gb_seconds`` is of 1,024 MB, as all four providers count.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass
from fractions import Fraction
from math import ceil, inf
from typing import TYPE_CHECKING

from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_MB_PER_GB = 1024
_MONTH = re.compile(r"\d{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, slots=True)
class Meter:
    """Something that is counted over a month and has a price.

    Attributes:
        unit: ``requests``, ``gb_seconds`` or ``vcpu_seconds``.
        tiers: up to how many units in the month, and what one of them costs in dollars.
        free: units of a month that cost nothing.
    """

    unit: str
    tiers: tuple[tuple[float, float], ...]
    free: float = 0.0

    def price(self, units: float) -> float:
        """Return the dollars of a month's units; the free ones are taken off first."""
        paid, below, total = max(0.0, units - self.free), 0.0, 0.0
        for limit, each in self.tiers:
            total += max(0.0, min(paid, limit) - below) * each
            below = limit
        return total


@dataclass(frozen=True, slots=True)
class Tariff:
    """How a service bills.

    Attributes:
        name: the service.
        date: when its prices were read.
        region: where they hold.
        source: where they were read.
        meters: what is counted.
        step_seconds: a call's duration is rounded up to a multiple of it.
        least_seconds: and is at least this.
        step_mb: memory is rounded up to a multiple of it.
        most_mb: and cannot be more than this; None for no such limit.
    """

    name: str
    date: str
    region: str
    source: str
    meters: tuple[Meter, ...]
    step_seconds: float
    least_seconds: float = 0.0
    step_mb: int = 1
    most_mb: int | None = None


def tariff(service: str | Tariff) -> Tariff:
    """Return the tariff of a service.

    Raises:
        ConfigurationError: it is not in the table.
    """
    if isinstance(service, Tariff):
        return service
    from greenlithops.energy.cost_table import TARIFFS  # noqa: PLC0415 - it imports this module

    found = TARIFFS.get(service)
    if found is None:
        raise ConfigurationError(
            f"there are no prices of {service!r}; there are {', '.join(sorted(TARIFFS))}"
        )
    return found


def usage(
    service: str | Tariff,
    durations: Iterable[float],
    *,
    memory_mb: float,
    vcpus: float = 1.0,
) -> dict[str, float]:
    """Return what calls use, in the units that the service bills, each call rounded as it does.

    Args:
        service: ``lambda-x86``, ``lambda-arm``, ``fargate-x86``, ``fargate-arm``, ``cloud-run``,
            ``cloud-run-jobs``, ``azure-functions``, or a tariff.
        durations: the seconds of each call.
        memory_mb: memory that is reserved (of Azure Functions: used) for each call, in megabytes
            of 1,048,576 bytes.
        vcpus: CPUs that are reserved for each call, where they are billed by themselves.

    Raises:
        ConfigurationError: the service is unknown, or an amount makes no sense.
    """
    terms = tariff(service)
    if not (0 < memory_mb < inf and 0 < vcpus < inf):
        raise ConfigurationError(f"memory_mb and vcpus must be positive, not {memory_mb}, {vcpus}")
    memory = ceil(memory_mb / terms.step_mb) * terms.step_mb
    if terms.most_mb is not None and memory > terms.most_mb:
        raise ConfigurationError(f"{terms.name} has at most {terms.most_mb} MB, not {memory_mb:g}")
    calls, steps = 0, 0
    step = Fraction(repr(terms.step_seconds))
    for seconds in durations:
        if not 0 <= seconds < inf:
            raise ConfigurationError(f"a call cannot take {seconds} seconds")
        calls += 1
        # Nanoseconds, so that what is a whole number of steps is not rounded up by its last bit.
        steps += ceil(Fraction(round(max(seconds, terms.least_seconds) * 1e9), 10**9) / step)
    total = float(steps * step)
    amounts = {
        "requests": float(calls),
        "gb_seconds": total * memory / _MB_PER_GB,
        "vcpu_seconds": total * vcpus,
    }
    return {meter.unit: amounts[meter.unit] for meter in terms.meters}


def price(
    service: str | Tariff,
    used: Mapping[str, float],
    *,
    before: Mapping[str, float] | None = None,
    free_tier: bool = True,
) -> float:
    """Return the dollars that some usage adds to a month's bill.

    Args:
        service: as for `usage`.
        used: what `usage` returned, or sums of it.
        before: what the month had used before: it has eaten from the free tier, and filled tiers.
        free_tier: whether the account has one that is meant for this.

    Raises:
        ConfigurationError: the service is unknown, or does not count such units.
    """
    terms = tariff(service)
    for units in (used, before or {}):
        _check(units, terms)
    total = 0.0
    for meter in terms.meters:
        counted = meter if free_tier else Meter(meter.unit, meter.tiers)
        earlier = (before or {}).get(meter.unit, 0.0)
        total += counted.price(earlier + used.get(meter.unit, 0.0)) - counted.price(earlier)
    return total


def _check(used: Mapping[str, float], terms: Tariff) -> None:
    """Raise a ConfigurationError unless these are amounts of what a service counts."""
    units = [meter.unit for meter in terms.meters]
    for unit, amount in used.items():
        if unit not in units:
            raise ConfigurationError(f"{terms.name} bills {', '.join(units)}, not {unit!r}")
        if not 0 <= amount < inf:
            raise ConfigurationError(f"{unit} must be 0 or more, not {amount}")


class Bill:
    """Adds usage up by month, and applies the free tier and the tiers of prices once a month.

    Args:
        service: as for `usage`.
        free_tier: whether the account has one that is meant for this.
    """

    def __init__(self, service: str | Tariff, *, free_tier: bool = True) -> None:
        self.tariff = tariff(service)
        self._free_tier = free_tier
        self._used: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def add(self, used: Mapping[str, float], *, month: str) -> None:
        """Add what `usage` returned.

        Args:
            used: the units.
            month: when, as ``2026-03``.

        Raises:
            ConfigurationError: the month is not one, or the service does not count such units.
        """
        if not _MONTH.fullmatch(month):
            raise ConfigurationError(f"a month is written like '2026-03', not {month!r}")
        _check(used, self.tariff)
        for unit, amount in used.items():
            self._used[month][unit] += amount

    def used(self, month: str) -> dict[str, float]:
        """Return the units of a month so far."""
        return dict(self._used.get(month, {}))

    def total(self, month: str | None = None) -> float:
        """Return the dollars of a month, or of all months."""
        months = [month] if month is not None else list(self._used)
        return sum(price(self.tariff, self.used(m), free_tier=self._free_tier) for m in months)

    def __str__(self) -> str:
        terms = self.tariff
        months = ", ".join(f"{month}: ${self.total(month):,.4f}" for month in sorted(self._used))
        return f"{terms.name} ({terms.region}, prices of {terms.date}): {months or 'nothing yet'}"
