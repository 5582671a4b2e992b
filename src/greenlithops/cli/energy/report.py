"""`greenlithops energy report`: what logs hold, as a table, JSON, CSV or a page."""

from __future__ import annotations

import json as json_module
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from greenlithops.cli.failing import say
from greenlithops.energy.export import write_csv
from greenlithops.energy.log import EnergyLog
from greenlithops.energy.report import html_report, summarize
from greenlithops.errors import EnergyLogUnreadable, NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from greenlithops.energy.log import LogRecord
    from greenlithops.energy.report import FunctionSummary


def run(
    logs: Sequence[Path], *, output: Path | None, csv_path: Path | None, json: bool, title: str
) -> None:
    """Print what logs hold, and write what is asked for."""
    records = sorted(_read(logs), key=lambda record: record.start)
    if not records:
        raise NotEnoughEvidence(f"no record of an energy log in {', '.join(map(str, logs))}")
    if csv_path is not None:
        with csv_path.open("w", newline="", encoding="utf-8") as file:
            write_csv(records, file)
    if output is not None:
        output.write_text(html_report(records, title=title), encoding="utf-8")
    found = summarize(records)
    if json:
        sys.stdout.write(json_module.dumps(_document(records, found), indent=2) + "\n")
    else:
        _print(records, found)


def _read(logs: Sequence[Path]) -> list[LogRecord]:
    records: list[LogRecord] = []
    for path in logs:
        good = list(EnergyLog(path).read(skip_bad=True))
        with path.open("rb") as file:
            lines = sum(1 for line in file if line.strip())
        if lines and not good:
            raise EnergyLogUnreadable(f"{path} is not an energy log")
        if bad := lines - len(good):
            say(f"{path}: {bad} line{'' if bad == 1 else 's'} passed over: not whole")
        records += good
    return records


def _document(records: Sequence[LogRecord], found: Sequence[FunctionSummary]) -> dict[str, Any]:
    jobs = [record.as_dict() for record in records if record.what == "job"]
    return {
        "records": len(records),
        "start": min(record.start for record in records),
        "end": max(record.end for record in records),
        "functions": [asdict(one) for one in found],
        "jobs": jobs,
    }


def _print(records: Sequence[LogRecord], found: Sequence[FunctionSummary]) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{len(records):,} records")
    table = Table("function", "kind", box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for name in ("calls", "failed", "CPU s", "joules", "gCO2e"):
        table.add_column(name, justify="right")
    for one in found:
        table.add_row(
            escape(one.name),
            f"{one.kind} ({one.method})",
            f"{one.calls:,}",
            f"{one.failed:,}",
            f"{one.cpu_s:.3g}",
            _figure(one.joules),
            _figure(one.gco2e),
        )
    if found:
        console.print(table)


def _figure(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
