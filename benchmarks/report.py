"""From the rounds to the rows that a reader compares: pure, without a word on layout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from catalogue import NOBODY, OURS, PEERS
from summary import Summary, largest_size, reached, summarize, times_better

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from catalogue import Measure, Workload


@dataclass(frozen=True)
class Entry:
    """What one peer did in one workload, as far as a report needs it."""

    peer: str
    size: int
    rounds: Sequence[Mapping[str, float]]
    failures: Sequence[str] = ()


@dataclass(frozen=True)
class Row:
    """One figure of one peer."""

    measure: Measure
    peer: str
    summary: Summary
    times: float | None  # how many times better ours is; None for ours, and where ours is missing
    goal: float | None
    reached: bool | None
    note: str
    extrapolated: bool


def rows(workload: Workload, entries: Sequence[Entry]) -> list[Row]:
    """Put the figures beside ours and beside their goals, measure by measure."""
    summaries = {entry.peer: summarize(entry.rounds) for entry in entries}
    found = []
    for measure in workload.measures:
        ours = summaries.get(OURS, {}).get(measure.name)
        for entry in entries:
            summary, note = _figure(workload, measure, entry, summaries[entry.peer])
            if summary is not None:
                found.append(_row(measure, entry.peer, summary, ours, note))
    return found


def failures(entries: Sequence[Entry]) -> list[str]:
    """Say who gave no figures, how often, and why."""
    return [
        f"{PEERS[entry.peer].label} failed in {len(entry.failures)} of "
        f"{len(entry.failures) + len(entry.rounds)} rounds: {entry.failures[-1]}"
        for entry in entries
        if entry.failures
    ]


def _figure(
    workload: Workload, measure: Measure, entry: Entry, own: Mapping[str, Summary]
) -> tuple[Summary | None, str]:
    if workload.by_size:
        if measure.name in own:
            return own[measure.name], ""
        # A rate hardly changes with the size once the size is large, and only then is it known.
        known = largest_size(own, below=int(measure.name)) if own else None
        if known is None or entry.peer.startswith(OURS):
            return None, ""
        return own[known], f"from {int(known):,} calls"
    note = "" if entry.size == workload.size else f"size {entry.size:,}"
    return own.get(measure.name), note


def _row(measure: Measure, peer: str, summary: Summary, ours: Summary | None, note: str) -> Row:
    better = measure.higher_is_better
    times = None
    if ours is not None and peer != NOBODY and not peer.startswith(OURS):
        times = times_better(ours.median, summary.median, higher_is_better=better)
    goal = measure.goals.get(peer)
    met = None if goal is None else reached(summary.median, goal, higher_is_better=better)
    return Row(measure, peer, summary, times, goal, met, note, extrapolated=bool(note))
