"""Compare greenlithops with its peers on this machine, side by side in one run."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import table
from catalogue import OURS, PEERS, WORKLOADS
from report import Entry, failures, rows
from rounds import Series, Settings, alternate
from summary import summarize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from catalogue import Workload
    from report import Row

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / ".bench" / "results.json"
QUICK_ROUNDS = 2


def main() -> int:
    """Run what the command line asks for, print the tables and write every round as JSON."""
    options = _options()
    settings = Settings(
        root=ROOT,
        workers=options.workers,
        peers=_chosen(options.peers),
        rounds=options.rounds or (QUICK_ROUNDS if options.quick else None),
        quick=options.quick,
    )
    tables: list[tuple[Workload, Sequence[Row]]] = []
    record: dict[str, Any] = {"machine": _machine(settings), "workloads": {}}
    for key in options.only or WORKLOADS:
        workload = WORKLOADS[key]
        series = alternate(key, workload, settings)
        record["workloads"][key] = {peer: _recorded(of_peer) for peer, of_peer in series.items()}
        _write(options.json, record)  # after each workload: a run that is stopped keeps what it has
        entries = [_entry(peer, of_peer) for peer, of_peer in series.items()]
        found = rows(workload, entries)
        tables.append((workload, found))
        print("\n" + table.text(workload, found, failures(entries)), flush=True)
    if options.markdown:
        print("\n" + table.markdown(tables))
    print(f"\nevery round: {options.json}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=list(WORKLOADS), help="a workload (repeatable)"
    )
    parser.add_argument("--peers", help=f"comma-separated, of: {', '.join(PEERS)}")
    parser.add_argument("--rounds", type=int, help="rounds (default: 5, of some workloads 3 or 7)")
    parser.add_argument("--quick", action="store_true", help="smaller sizes, two rounds")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--markdown", action="store_true", help="also print one Markdown table")
    parser.add_argument("--json", type=Path, default=RESULTS, help="where every round is written")
    return parser.parse_args()


def _chosen(names: str | None) -> list[str]:
    if names is None:
        return list(PEERS)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if unknown := [name for name in wanted if name not in PEERS]:
        sys.exit(f"no such peer: {', '.join(unknown)} (there are: {', '.join(PEERS)})")
    return [name for name in PEERS if name in wanted or name == OURS]  # ratios need ours


def _entry(peer: str, series: Series) -> Entry:
    return Entry(peer, series.size, series.rounds, series.failures)


def _recorded(series: Series) -> dict[str, Any]:
    summaries = {name: asdict(summary) for name, summary in summarize(series.rounds).items()}
    return {"summary": summaries, **asdict(series)}


def _machine(settings: Settings) -> dict[str, Any]:
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "workers": settings.workers,
        "quick": settings.quick,
    }


def _write(path: Path, record: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if path == RESULTS:
        # Figures of one machine are nobody else's: the folder keeps itself out of the repository.
        (path.parent / ".gitignore").write_text("*\n", encoding="utf-8")
    path.write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
