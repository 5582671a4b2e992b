"""Who burned it: a pure function from what the meter said, and what calls ran, to joules by call.

A call's CPU time is taken to be spread over its duration as the machine's CPU time is that no
earlier call has claimed: it hardly ran where the machine was idle, or others had its time.
In each interval between two samples, the energy above idle is divided by CPU time: a call gets its
CPU time's share of the machine's, and the rest of the machine keeps the remainder. CPU time is
measured per call more precisely than for the machine, so where the calls' sum exceeds the
machine's, that sum is what is divided by: the calls never get more than there is. Therefore, for
any interleaving,

    sum of calls + idle + other = machine

Calls come in batches, as they finish. Each interval keeps account of what earlier batches have
claimed, so a late batch gets at most what is left.

Since all calls in an interval pay the same price for a second of CPU time, one pass over the calls
finds the CPU time claimed by interval, and a second multiplies by the prices; neither depends on
how many intervals a call spans.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from itertools import accumulate, pairwise
from operator import mul
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAN = float("nan")
_SCALE = 80  # binary digits behind the point of a rate, CPU nanoseconds per nanosecond
_UNIT = 1 << _SCALE
_FINE = 1000


@dataclass(slots=True, eq=False, repr=False)
class Interval:
    """The time between two samples; the account of what has been claimed of it is kept with it.

    Attributes:
        start_ns: when it begins, in nanoseconds of the monotonic clock.
        end_ns: when it ends.
        joules: what the machine burned, by domain.
        busy_ns: CPU time of the whole machine.
        idle: the part of `joules` that would have been burned anyway; None until it is fixed.
        claimed_ns: CPU time of the calls attributed so far.
        given: the joules that they got, by domain.
    """

    start_ns: int
    end_ns: int
    joules: tuple[float, ...]
    busy_ns: int
    idle: tuple[float, ...] | None = None
    claimed_ns: float = 0.0
    given: tuple[float, ...] = ()


class Claim(NamedTuple):
    """What a batch of calls took of one interval: CPU time, and joules by domain."""

    cpu_ns: float
    joules: tuple[float, ...]


class Attribution(NamedTuple):
    """What a batch of calls cost.

    Attributes:
        joules: by domain, one figure for each call; NaN where no interval overlaps the call.
        claims: what the batch took, one for each interval.
    """

    joules: tuple[array[float], ...]
    claims: tuple[Claim, ...]


class _Placement(NamedTuple):
    """Where the calls of a batch lie.

    Attributes:
        where: for each call that lies within one interval, its index; one past the last for others.
        spans: the other calls: index, rate of CPU time, and the clipped start and end, by the clock
            of what is free.
        claimed: CPU nanoseconds of the whole batch by interval.
    """

    where: list[int]
    spans: list[tuple[int, float, int, int]]
    claimed: list[float]


def attribute(
    intervals: Sequence[Interval],
    starts: Sequence[int],
    ends: Sequence[int],
    cpu: Sequence[int],
) -> Attribution:
    """Divide the energy of intervals among the calls that ran in them.

    Args:
        intervals: without gaps, in order; at least those that overlap the calls.
        starts: when each call began, in nanoseconds of the monotonic clock.
        ends: when it ended.
        cpu: the CPU time that it used, in nanoseconds.
    """
    if not intervals:
        return Attribution((array("d", [_NAN]) * len(starts),), ())
    edges = [interval.start_ns for interval in intervals]
    edges.append(intervals[-1].end_ns)
    free = _free(intervals)
    placement = _place(edges, free, starts, ends, cpu)
    prices = [
        _prices(interval, claimed)
        for interval, claimed in zip(intervals, placement.claimed, strict=True)
    ]
    claims = tuple(
        Claim(claimed, tuple(price * claimed for price in by_domain))
        for claimed, by_domain in zip(placement.claimed, prices, strict=True)
    )
    joules = tuple(
        _pay(free, list(by_interval), placement, cpu) for by_interval in zip(*prices, strict=True)
    )
    return Attribution(joules, claims)


def _free(intervals: Sequence[Interval]) -> list[int]:
    """Return the CPU time that nobody has claimed, added up to each edge, in `1 / _FINE` ns.

    That is the clock by which calls that span intervals run. It always goes a little, since the
    machine's CPU time is told less precisely than that of calls.
    """
    each = (
        int(_FINE * max(0.0, interval.busy_ns - interval.claimed_ns))  # whole, to add up exactly
        + interval.end_ns
        - interval.start_ns
        for interval in intervals
    )
    return [0, *accumulate(each)]


def _place(
    edges: list[int],
    free: list[int],
    starts: Sequence[int],
    ends: Sequence[int],
    cpu: Sequence[int],
) -> _Placement:
    """Find the interval of each call, and the CPU time that the batch claims of each interval.

    The loop runs once for each call of a job, so it is written for speed: calls that follow each
    other in time mostly lie in one interval, which is kept in local names.
    """
    count = len(edges) - 1
    first, last = edges[0], edges[-1]
    claimed = [0.0] * count
    # Changes, at each edge, in the rate of the calls that span intervals. Whole numbers, since what
    # rounding leaves of opposite changes would claim an interval in which no call ran.
    whole = [0] * (count + 1)
    spans: list[tuple[int, float, int, int]] = []
    earliest = min(starts, default=first)
    at = bisect_right(edges, earliest) - 1
    if 0 <= at < count and max(ends, default=earliest) < edges[at + 1]:  # as short calls mostly do
        claimed[at] = float(sum(cpu))
        return _Placement([at] * len(starts), spans, claimed)
    where: list[int] = []
    append = where.append
    at, low, high = 0, first, edges[1]
    for index, (start, end, used) in enumerate(zip(starts, ends, cpu, strict=True)):
        if not low <= start < high:
            at = min(max(bisect_right(edges, start) - 1, 0), count - 1)
            low, high = edges[at], edges[at + 1]
        if low <= start and end <= high:
            append(at)
            claimed[at] += used
            continue
        append(count)
        begin, stop = max(start, first), min(end, last)
        if begin >= stop:
            spans.append((index, 0.0, 0, 0))
            continue
        a, b = _ends(edges, begin, stop)
        covered = (used << _SCALE) * (stop - begin) // (end - start)
        begin, stop = _at(begin, a, edges, free), _at(stop, b, edges, free)
        scaled = covered // max(1, stop - begin)
        rate = scaled / _UNIT
        spans.append((index, rate, begin, max(stop, begin + 1)))
        if a == b:
            claimed[a] += rate * (stop - begin)
        else:
            claimed[a] += rate * (free[a + 1] - begin)
            claimed[b] += rate * (stop - free[b])
            whole[a + 1] += scaled
            whole[b] -= scaled
    if spans:
        for k, scaled in enumerate(accumulate(whole[:count])):
            claimed[k] += scaled * (free[k + 1] - free[k]) / _UNIT
    return _Placement(where, spans, claimed)


def _at(time: int, interval: int, edges: list[int], free: list[int]) -> int:
    """Return a moment of an interval by the clock of what is free."""
    begin, low = edges[interval], free[interval]
    return low + (time - begin) * (free[interval + 1] - low) // (edges[interval + 1] - begin)


def _ends(edges: list[int], begin: int, stop: int) -> tuple[int, int]:
    """Return the indices of the intervals in which a call begins and stops."""
    return bisect_right(edges, begin) - 1, bisect_left(edges, stop) - 1


def _prices(interval: Interval, claimed: float) -> tuple[float, ...]:
    """Return the joules, by domain, of a nanosecond of CPU time in an interval."""
    if claimed <= 0.0:
        return (0.0,) * len(interval.joules)
    divisor = max(interval.busy_ns, interval.claimed_ns + claimed)
    idle = interval.idle or (0.0,) * len(interval.joules)
    given = interval.given or (0.0,) * len(interval.joules)
    return tuple(
        min((joules - base) / divisor, max(0.0, joules - base - taken) / claimed)
        for joules, base, taken in zip(interval.joules, idle, given, strict=True)
    )


def _pay(
    free: list[int], prices: list[float], placement: _Placement, cpu: Sequence[int]
) -> array[float]:
    """Return each call's joules of one domain."""
    lookup = [*prices, 0.0]  # the last for the calls in more than one interval, which follow
    joules = array("d", map(mul, cpu, map(lookup.__getitem__, placement.where)))
    if not placement.spans:
        return joules
    lengths = (after - before for before, after in pairwise(free))
    totals = [
        0.0,
        *accumulate(price * length for price, length in zip(prices, lengths, strict=True)),
    ]
    for index, rate, begin, stop in placement.spans:
        if begin == stop:
            joules[index] = _NAN
            continue
        a, b = _ends(free, begin, stop)
        if a == b:
            value = prices[a] * (stop - begin)
        else:
            value = prices[a] * (free[a + 1] - begin) + prices[b] * (stop - free[b])
            value += totals[b] - totals[a + 1]
        joules[index] = rate * value
    return joules
