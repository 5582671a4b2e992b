"""How the answer of `greenlithops hello` looks: for people, and for programs."""

from __future__ import annotations

import dataclasses
import json
import platform
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from greenlithops import __version__

if TYPE_CHECKING:
    from rich.console import Console

    from greenlithops.cli.hello.run import Outcome
    from greenlithops.energy.records import EnergyReport
    from greenlithops.models import Progress as JobProgress

SPEED_UP = "CPU time of the calls divided by the time by the clock; one core was not timed alone"
TROUBLES = {
    "unreadable": "cannot be read",
    "undecodable": "cannot be decoded",
    "untokenizable": "cannot be split into tokens",
}


@contextmanager
def progress_bar(*, shown: bool) -> Iterator[Callable[[JobProgress], None]]:
    """Show a bar while the block runs, if `shown`; give what moves it."""
    if not shown:
        yield lambda _: None
        return
    columns = (TextColumn("Counting identifiers"), BarColumn(None), MofNCompleteColumn())
    with Progress(*columns, TimeElapsedColumn(), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda progress: bar.update(task, total=progress.total, completed=progress.finished)


def print_outcome(outcome: Outcome, console: Console) -> None:
    """Print what was found and what it cost."""
    answer = outcome.answer
    console.print(
        f"The most frequent identifiers among {answer.distinct:,} different ones "
        f"in {_counted(answer.files, 'Python file')}, {answer.bytes / 1e6:,.1f} MB\n",
        style="bold",
    )
    names = Table.grid(padding=(0, 2), pad_edge=True)
    names.add_column(justify="right", style="dim")
    names.add_column(style="cyan", no_wrap=True)
    names.add_column(justify="right")
    for rank, (name, count) in enumerate(answer.top, 1):
        names.add_row(f"{rank}", escape(name), f"{count:,}")
    console.print(names)
    console.print()
    for label, text in _facts(outcome):
        console.print(f"[bold]{label:<9}[/bold] {escape(text)}")


def _facts(outcome: Outcome) -> Iterator[tuple[str, str]]:
    workers = _counted(outcome.workers, "worker")
    yield "Time", f"{outcome.seconds:.2f} s on {workers}, from the start to the answer"
    yield (
        "Speed-up",
        (
            f"{outcome.speed_up:.2f} over one core: {outcome.cpu_seconds:.2f} s of CPU time in "
            f"{_counted(outcome.calls, 'call')}, in {outcome.seconds:.2f} s by the clock "
            "(one core was not timed alone)"
        ),
    )
    if outcome.energy is None or outcome.energy.joules is None:
        reason = outcome.energy.reason if outcome.energy else "it is switched off"
        yield "Energy", f"unknown: {reason}"
    else:
        yield from _energy_facts(outcome.energy, outcome.energy.joules)
    if outcome.answer.problems:
        kinds = Counter[str](problem.trouble for problem in outcome.answer.problems)
        left_out = ", ".join(
            f"{kinds[kind]:,} {text}" for kind, text in TROUBLES.items() if kinds[kind]
        )
        yield "Left out", f"{left_out} (--json names the files)"


def _energy_facts(energy: EnergyReport, joules: float) -> Iterator[tuple[str, str]]:
    bounds = ""
    if energy.joules_low is not None and energy.joules_high is not None:
        bounds = f", between {_amount(energy.joules_low)} and {_amount(energy.joules_high)} J"
    yield "Energy", f"{_amount(joules)} J {energy.kind} (by {energy.method}){bounds}"
    if None not in (energy.machine_joules, energy.idle_joules, energy.other_joules):
        yield (
            "Machine",
            (
                f"{_amount(energy.machine_joules)} J meanwhile: {_amount(joules)} J for the calls, "
                f"{_amount(energy.idle_joules)} J that it burns when idle, "
                f"{_amount(energy.other_joules)} J for all else"
            ),
        )
    if energy.gco2e is not None and energy.carbon_intensity is not None:
        where = energy.carbon_intensity
        year = f", {where.year}" if where.year else ""
        yield (
            "Carbon",
            (
                f"{_amount(energy.gco2e)} gCO2e with {where.grams_per_kwh:g} gCO2e/kWh "
                f"({where.region}{year}; {where.source})"
            ),
        )
    notes = [energy.reason] if energy.reason else []
    if energy.kind == "estimated":
        notes.insert(0, "the joules are an ESTIMATE, not a measurement")
    if energy.method == "model":
        notes.insert(1, "computed from CPU time, since no energy counter can be read here")
    if notes:
        yield "Note", "; ".join(notes)


def _counted(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def _amount(value: float | None) -> str:
    """Return a number with three digits that count."""
    if value is None:
        return "unknown"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - digits


def as_json(outcome: Outcome) -> str:
    """Return everything that is known as JSON."""
    answer = outcome.answer
    everything = {
        "top": [{"name": name, "count": count} for name, count in answer.top],
        "distinct": answer.distinct,
        "occurrences": answer.occurrences,
        "files": answer.files,
        "bytes": answer.bytes,
        "problems": [problem._asdict() for problem in answer.problems],
        "folders": outcome.folders,
        "seconds": outcome.seconds,
        "cpu_seconds": outcome.cpu_seconds,
        "speed_up": outcome.speed_up,
        "speed_up_means": SPEED_UP,
        "calls": outcome.calls,
        "workers": outcome.workers,
        "energy": outcome.energy,
        "python": platform.python_version(),
        "greenlithops": __version__,
    }
    return json.dumps(everything, indent=2, default=_plain)


def _plain(value: Any) -> Any:
    """Return a record or a mapping as a dictionary."""
    if isinstance(value, Mapping):
        return dict(value)
    return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
