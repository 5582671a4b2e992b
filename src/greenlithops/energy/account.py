"""Running sums: what calls have got, and what the machine has burned meanwhile."""

from __future__ import annotations

from operator import add
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Sequence

    from greenlithops.energy.attribution import Claim, Interval


class Tally:
    """What the calls of a window have got.

    Attributes:
        joules: by domain.
        calls: how many there were.
        cpu_ns: their CPU time.
        call_ns: their durations.
        covered_ns: the part of their durations in which the meter was read.
    """

    __slots__ = ("call_ns", "calls", "covered_ns", "cpu_ns", "joules")

    def __init__(self, domains: int) -> None:
        self.joules = [0.0] * domains
        self.calls = self.cpu_ns = self.call_ns = self.covered_ns = 0

    def add(
        self, claims: Sequence[Claim], *, calls: int, cpu_ns: int, call_ns: int, covered_ns: int
    ) -> None:
        """Count a batch of calls."""
        for claim in claims:
            self.joules = list(map(add, self.joules, claim.joules))
        self.calls += calls
        self.cpu_ns += cpu_ns
        self.call_ns += call_ns
        self.covered_ns += covered_ns


class MachineAccount:
    """What the machine has burned since a moment.

    Attributes:
        opened_ns: that moment.
        until_ns: up to when it has been added up.
        joules: by domain.
        idle: the part, by domain, that it would have burned anyway.
        idle_known_ns: for how long the idle power was known.
        idle_unknown_ns: for how long it was not.
    """

    __slots__ = ("idle", "idle_known_ns", "idle_unknown_ns", "joules", "opened_ns", "until_ns")

    def __init__(self, domains: int, opened_ns: int) -> None:
        self.opened_ns = self.until_ns = opened_ns
        self.joules = [0.0] * domains
        self.idle = [0.0] * domains
        self.idle_known_ns = self.idle_unknown_ns = 0

    def add(self, intervals: Sequence[Interval]) -> None:
        """Add the intervals that follow."""
        for interval in intervals:
            self.joules = list(map(add, self.joules, interval.joules))
            span = interval.end_ns - interval.start_ns
            if interval.idle is None:
                self.idle_unknown_ns += span
            else:
                self.idle_known_ns += span
                self.idle = list(map(add, self.idle, interval.idle))
            self.until_ns = interval.end_ns


def covered_ns(
    intervals: Sequence[Interval], starts: array[int], ends: array[int], call_ns: int
) -> int:
    """Return the part of the calls' durations that intervals cover, in nanoseconds."""
    if not intervals:
        return 0
    low, high = intervals[0].start_ns, intervals[-1].end_ns
    if min(starts) >= low and max(ends) <= high:
        return call_ns
    return sum(max(0, min(e, high) - max(s, low)) for s, e in zip(starts, ends, strict=True))


def known_sum(values: Iterable[float | None]) -> float | None:
    """Return the sum, or None if there is nothing to add or a part is unknown."""
    parts = list(values)
    known = [part for part in parts if part is not None]
    return sum(known) if known and len(known) == len(parts) else None
