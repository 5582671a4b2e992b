"""How rows look: aligned columns for a terminal, Markdown for the README."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from catalogue import OURS, PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalogue import Measure, Workload
    from report import Row

DIGITS = 3
HEADINGS = ("", "median", "min to max", "ours is", "goal", "")


def number(value: float) -> str:
    """Write a number with three digits that count, and a comma at the thousands."""
    if value == 0 or not math.isfinite(value):
        return f"{value:g}"
    decimals = max(0, DIGITS - 1 - math.floor(math.log10(abs(value))))
    if decimals:
        return f"{value:.{min(decimals, 4)}f}"
    magnitude = 10 ** max(0, math.floor(math.log10(abs(value))) - DIGITS + 1)
    return f"{round(value / magnitude) * magnitude:,}"


def text(workload: Workload, rows: Sequence[Row], failures: Sequence[str]) -> str:
    """Lay out one workload for a terminal, one line a figure."""
    lines: list[tuple[str, ...]] = [HEADINGS]
    for measure in workload.measures:
        own = [row for row in rows if row.measure is measure]
        if own:
            lines.append((f"{measure.title}, {measure.unit}".rstrip(", "), *[""] * 5))
            lines.extend(_cells(row) for row in own)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    body = ["  ".join(_pad(line, widths)).rstrip() for line in lines]
    notes = [f"  {failure}" for failure in failures]
    return "\n".join([workload.title, f"({workload.counted})", *body, *notes])


def markdown(tables: Sequence[tuple[Workload, Sequence[Row]]]) -> str:
    """Lay out all workloads as one table, one line a measure and one column a peer."""
    peers = [key for key in PEERS if any(row.peer == key for _, rows in tables for row in rows)]
    lines = [
        ["", "goal", *(PEERS[peer].label for peer in peers)],
        ["---", *["---:"] * (len(peers) + 1)],
    ]
    for workload, rows in tables:
        for measure in workload.measures:
            own = {row.peer: row for row in rows if row.measure is measure}
            if own:
                title = f"{workload.title}: {measure.title}, {measure.unit}".rstrip(", ")
                figures = [_markdown_figure(own.get(peer)) for peer in peers]
                lines.append([title, _markdown_goals(measure), *figures])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    summary = row.summary
    goal = "" if row.goal is None else f"{row.goal:,g} {'✓' if row.reached else '✗'}"
    return (
        f"  {PEERS[row.peer].label}",
        f"{'~' if row.extrapolated else ''}{number(summary.median)}",
        f"{number(summary.low)} to {number(summary.high)}",
        "" if row.times is None else f"{number(row.times)}x",
        goal,
        row.note,
    )


def _pad(line: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *figures, last = zip(line, widths, strict=True)
    return [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in figures), last[0]]


def _markdown_goals(measure: Measure) -> str:
    goals = {
        peer: f"{goal:,g}" if peer == OURS else f"{PEERS[peer].label}: {goal:,g}"
        for peer, goal in measure.goals.items()
    }
    return "; ".join(goals.values())


def _markdown_figure(row: Row | None) -> str:
    if row is None:
        return ""
    figure = f"{'~' if row.extrapolated else ''}{number(row.summary.median)}"
    if row.times is not None:
        return f"{figure} ({number(row.times)}x)"
    return f"**{figure}**" if row.peer == OURS else figure
