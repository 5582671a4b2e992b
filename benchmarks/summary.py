"""What many rounds say together: pure arithmetic on the figures of the probes."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@dataclass(frozen=True)
class Summary:
    """One figure over all rounds."""

    median: float
    low: float
    high: float
    rounds: int


def quantile(values: Sequence[float], share: float) -> float:
    """Return the smallest value that at least this share of the values does not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def waits_of_arrivals(late: Sequence[float], interval: float) -> list[float]:
    """Return what would have been waited by something that arrives at every interval.

    A ticker that is held up misses the ticks in which others would have waited too: one delay of
    300 ms counts once among thousands of ticks, although it held up a third of a second.
    """
    return [
        delay - missed * interval for delay in late for missed in range(int(delay / interval) + 1)
    ]


def summarize(rounds: Sequence[Mapping[str, float]]) -> dict[str, Summary]:
    """Return the median and the range of each figure that a round gave."""
    names = {name: None for figures in rounds for name in figures}
    return {
        name: _summary([figures[name] for figures in rounds if name in figures]) for name in names
    }


def _summary(values: list[float]) -> Summary:
    return Summary(statistics.median(values), min(values), max(values), len(values))


def largest_size(summaries: Mapping[str, Summary], below: int) -> str | None:
    """Name the largest size under ``below``, for figures that are named by their size."""
    sizes = [int(name) for name in summaries if int(name) < below]
    return str(max(sizes)) if sizes else None


def times_better(ours: float, theirs: float, *, higher_is_better: bool) -> float | None:
    """Tell how many times better our figure is than theirs."""
    above, below = (ours, theirs) if higher_is_better else (theirs, ours)
    return above / below if above > 0 and below > 0 else None


def reached(value: float, goal: float, *, higher_is_better: bool) -> bool:
    """Tell whether a figure reaches its goal."""
    return value >= goal if higher_is_better else value <= goal
