"""One HTML page of what a log holds; everything is in the file, and nothing is fetched."""

from __future__ import annotations

import base64
import io
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING

from greenlithops.energy import plots
from greenlithops.errors import NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.figure import Figure

    from greenlithops.energy.log import LogRecord

_ENTRIES = {"call", "block", "command"}

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
       color: #222; background: #fff; }
h1, h2 { line-height: 1.2; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: .3rem .6rem; border-bottom: 1px solid #ddd; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
img { max-width: 100%; height: auto; }
.note { color: #555; }
"""


@dataclass(frozen=True, slots=True)
class FunctionSummary:
    """What the calls of one function cost together, of one kind of figure.

    Attributes:
        name: the function's, block's or command's.
        kind: ``measured``, ``estimated`` or ``unavailable``.
        method: the meter.
        calls: how many there were.
        failed: how many of them failed.
        seconds: their time by the clock.
        cpu_s: their CPU time.
        joules: their energy above idle; None if it is not known.
        joules_low: at least so many; None if that is not known of each.
        joules_high: at most so many; None likewise.
        gco2e: grams of CO2 equivalent; None likewise.
    """

    name: str
    kind: str
    method: str
    calls: int
    failed: int
    seconds: float
    cpu_s: float
    joules: float | None
    joules_low: float | None
    joules_high: float | None
    gco2e: float | None


def summarize(records: Sequence[LogRecord]) -> list[FunctionSummary]:
    """Return what each function cost, the most costly first."""
    groups: dict[tuple[str, str, str], list[LogRecord]] = defaultdict(list)
    for record in records:
        if record.what in _ENTRIES:
            groups[record.name, record.kind, record.method].append(record)
    found = [
        FunctionSummary(
            name,
            kind,
            method,
            len(group),
            sum(record.ok is False for record in group),
            sum(record.window_s for record in group),
            sum(record.cpu_s for record in group),
            *(_sum(group, field) for field in ("joules", "joules_low", "joules_high", "gco2e")),
        )
        for (name, kind, method), group in groups.items()
    ]
    return sorted(found, key=lambda one: -(one.joules or 0.0))


def _sum(records: Sequence[LogRecord], name: str) -> float | None:
    values = [getattr(record, name) for record in records]
    return None if None in values else sum(values)


def html_report(records: Sequence[LogRecord], *, title: str = "Energy") -> str:
    """Return a page with the figures and pictures of a log.

    Args:
        records: of one log or several.
        title: the page's.

    Raises:
        NotEnoughEvidence: there is not a single record.
        ConfigurationError: matplotlib is not installed.
    """
    if not records:
        raise NotEnoughEvidence("the log has no records to report on")
    pictures = [
        ("Power, and what ran", lambda: plots.timeline(records, records)),
        ("By function", lambda: plots.by_function(records)),
        ("Against the number of workers", lambda: plots.against_parallelism(records)),
    ]
    first = datetime.fromtimestamp(min(record.start for record in records), UTC)
    last = datetime.fromtimestamp(max(record.end for record in records), UTC)
    span = f"from {first:%Y-%m-%d %H:%M:%S} to {last:%Y-%m-%d %H:%M:%S} UTC"
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(title)}</h1>",
        f'<p class="note">{len(records):,} records, {span}.</p>',
        *_functions_table(summarize(records)),
        *_jobs_table([record for record in records if record.what == "job"]),
        *(part for heading, draw in pictures for part in _picture(heading, draw)),
        *_notes(records),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


def _functions_table(summaries: Sequence[FunctionSummary]) -> list[str]:
    if not summaries:
        return []
    head = ("function", "kind", "calls", "failed", "CPU s", "joules", "bounds", "gCO₂e")
    rows = [
        (
            one.name,
            f"{one.kind} ({one.method})",
            f"{one.calls:,}",
            f"{one.failed:,}",
            f"{one.cpu_s:.3g}",
            _figure(one.joules),
            f"{_figure(one.joules_low)} to {_figure(one.joules_high)}",
            _figure(one.gco2e),
        )
        for one in summaries
    ]
    return ["<h2>Functions</h2>", *_table(head, rows)]


def _jobs_table(jobs: Sequence[LogRecord]) -> list[str]:
    if not jobs:
        return []
    head = ("job", "calls", "workers", "seconds", "joules", "idle", "others", "machine")
    rows = [
        (
            f"{job.name} {job.job or ''}",
            f"{job.calls or 0:,}",
            f"{job.workers or ''}",
            f"{job.window_s:.3g}",
            *map(_figure, (job.joules, job.idle_joules, job.other_joules, job.machine_joules)),
        )
        for job in jobs
    ]
    note = "Joules of calls, idling and everything else add up to the machine's."
    return ["<h2>Jobs</h2>", *_table(head, rows), f'<p class="note">{note}</p>']


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(tag: str, cells: Sequence[str]) -> str:
        return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    return ["<table>", line("th", head), *(line("td", row) for row in rows), "</table>"]


def _picture(heading: str, draw: Callable[[], Figure]) -> list[str]:
    try:
        figure = draw()
    except NotEnoughEvidence:  # the log has nothing for this picture
        return []
    file = io.BytesIO()
    figure.savefig(file, format="svg", metadata={"Date": None})
    data = base64.b64encode(file.getvalue()).decode()
    source = f"data:image/svg+xml;base64,{data}"
    return [f"<h2>{escape(heading)}</h2>", f'<img alt="{escape(heading)}" src="{source}">']


def _notes(records: Sequence[LogRecord]) -> list[str]:
    reasons = dict.fromkeys(record.reason for record in records if record.reason)
    notes = [
        "Joules are those above what the machine burns when idle, shared out by CPU time.",
        "What is not known is shown as “unknown”, never as 0.",
        *reasons,
    ]
    items = "".join(f"<li>{escape(note)}</li>" for note in notes[:50])
    return ["<h2>Notes</h2>", f'<ul class="note">{items}</ul>']


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
