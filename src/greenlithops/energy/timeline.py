"""What the meter said, as a bounded row of intervals without gaps."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from operator import attrgetter
from typing import TYPE_CHECKING

from greenlithops.energy.attribution import Interval
from greenlithops.energy.idle import IdleFit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.energy.attribution import Claim
    from greenlithops.energy.kept import KeptIdle
    from greenlithops.protocols import EnergyMeter

_START = attrgetter("start_ns")
_END = attrgetter("end_ns")


class Timeline:
    """Turns samples of a meter into intervals, and forgets those that nobody needs any more.

    Args:
        meter: what is sampled: its domains, and its idle power if it knows it.
        cpus: hardware threads of the machine.
        idle_watts: the idle power of the machine if it is stated or kept; else it is learnt.
        limit: the number of intervals from which the older ones are merged two by two, so that an
            hour-long call costs resolution and not memory.
    """

    def __init__(
        self,
        meter: EnergyMeter,
        cpus: int,
        *,
        idle_watts: float | KeptIdle | None = None,
        limit: int = 1024,
    ) -> None:
        self.intervals: list[Interval] = []
        self._domains = meter.domains
        self._last: tuple[int, tuple[float, ...], int] | None = None
        self._limit = limit
        self._stated = _stated(meter, idle_watts)
        self._fit = None if self._stated else IdleFit(len(meter.domains), cpus)
        #: Where the idle power comes from.
        self.idle_source = _source(meter, idle_watts)

    @property
    def last_ns(self) -> int | None:
        """When the last sample was taken, or None before the first."""
        return self._last[0] if self._last else None

    @property
    def first_ns(self) -> int | None:
        """From when on the timeline is known, or None before the first sample."""
        return self.intervals[0].start_ns if self.intervals else self.last_ns

    def append(self, now_ns: int, joules: Mapping[str, float], busy_ns: int) -> None:
        """Add a sample of the cumulative counters."""
        row = tuple([joules[domain] for domain in self._domains])
        before, self._last = self._last, (now_ns, row, busy_ns)
        if before is not None:
            delta = tuple([max(0.0, b - a) for a, b in zip(before[1], row, strict=True)])
            busy = max(0, busy_ns - before[2])
            self.intervals.append(Interval(before[0], now_ns, delta, busy))
        if self._fit is not None:
            self._fit.see(now_ns, row, busy_ns)

    def between(self, start_ns: int, end_ns: int) -> Sequence[Interval]:
        """Return the intervals that overlap a span of time, each with its idle part fixed.

        An interval's idle part is fixed when it is first asked for, as late as can be, since the
        idle power is known better later; and it stays, since calls have paid by it.
        """
        low = bisect_right(self.intervals, start_ns, key=_END)
        high = bisect_left(self.intervals, end_ns, key=_START)
        chosen = self.intervals[low:high]
        watts = self._stated or (self._fit.watts if self._fit else None)
        if watts is not None:
            for interval in chosen:
                # An interval that has been claimed without an idle part cannot get one any more.
                if interval.idle is None and not interval.claimed_ns:
                    seconds = (interval.end_ns - interval.start_ns) * 1e-9
                    interval.idle = tuple(
                        min(joules, power * seconds)
                        for joules, power in zip(interval.joules, watts, strict=True)
                    )
        return chosen

    def commit(self, intervals: Sequence[Interval], claims: Sequence[Claim]) -> None:
        """Enter what a batch of calls has taken into the account of its intervals."""
        for interval, claim in zip(intervals, claims, strict=True):
            if claim.cpu_ns > 0.0:
                interval.claimed_ns += claim.cpu_ns
                interval.given = _plus(interval.given, claim.joules)

    def prune(self, keep_from_ns: int) -> None:
        """Forget what ended before a moment."""
        del self.intervals[: bisect_right(self.intervals, keep_from_ns, key=_END)]

    @property
    def crowded(self) -> bool:
        """Whether there are so many intervals that older ones should be merged."""
        return len(self.intervals) > self._limit

    def condense(self) -> None:
        """Merge the older half of the intervals two by two."""
        half = len(self.intervals) // 4 * 2
        old = self.intervals[:half]
        self.between(old[0].start_ns, old[-1].end_ns)  # fixes the idle parts before they are added
        self.intervals[:half] = map(_merge, old[::2], old[1::2])


def _source(meter: EnergyMeter, idle_watts: float | KeptIdle | None) -> str:
    if idle_watts is not None:
        return "stated" if isinstance(idle_watts, float | int) else str(idle_watts)
    return "learnt" if meter.idle_watts is None else "the meter's own"


def _stated(meter: EnergyMeter, idle_watts: float | KeptIdle | None) -> tuple[float, ...] | None:
    """Return the idle watts by domain that are known beforehand, or None if they must be learnt."""
    if idle_watts is not None:
        if not isinstance(idle_watts, float | int):
            return tuple(idle_watts.watts[domain] for domain in meter.domains)
        # One figure is stated for the machine: it is the first total's (the package), else unknown.
        first = meter.totals[0]
        return tuple(idle_watts if domain == first else 0.0 for domain in meter.domains)
    known = meter.idle_watts
    return None if known is None else tuple(known[domain] for domain in meter.domains)


def _merge(a: Interval, b: Interval) -> Interval:
    idle = None if a.idle is None and b.idle is None else _plus(a.idle or (), b.idle or ())
    return Interval(
        a.start_ns,
        b.end_ns,
        _plus(a.joules, b.joules),
        a.busy_ns + b.busy_ns,
        idle,
        a.claimed_ns + b.claimed_ns,
        _plus(a.given, b.given),
    )


def _plus(a: tuple[float, ...], b: tuple[float, ...]) -> tuple[float, ...]:
    """Add two rows; an empty one stands for zeros."""
    return tuple(x + y for x, y in zip(a, b, strict=True)) if a and b else a or b
