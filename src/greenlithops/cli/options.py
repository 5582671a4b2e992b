"""What most commands share: their options, the configuration these mean, and their output."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import json
import logging
import sys
from pathlib import Path  # Typer reads the annotations below when it makes a command
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenlithops.config.settings import Settings

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="A configuration, instead of those looked for."),
]
Backend = Annotated[str | None, typer.Option("--backend", "-b", help="Where functions run.")]
StorageName = Annotated[str | None, typer.Option("--storage", "-s", help="Where objects are.")]
StorageBackend = Annotated[str | None, typer.Option("--backend", "-b", help="The storage.")]
Region = Annotated[str | None, typer.Option("--region", "-r", help="The backend's region.")]
Debug = Annotated[bool, typer.Option("--debug", "-d", help="Print debugging messages.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]


def set_debug(debug: bool) -> None:
    """Print the messages of greenlithops to standard error, if that is asked for."""
    if debug:
        logging.basicConfig(level=logging.DEBUG, format="%(asctime)s [%(levelname)s] %(message)s")
        logging.getLogger("greenlithops").setLevel(logging.DEBUG)


def content(
    config: Path | None = None,
    backend: str | None = None,
    storage: str | None = None,
    region: str | None = None,
) -> tuple[dict[str, dict[str, Any]], str]:
    """Return the merged configuration that the options mean, and where it was found.

    Raises:
        ConfigurationError: something in it is wrong.
        FileNotFoundError: the file is not there.
    """
    from greenlithops.config.merging import merged

    keywords = {"region": region} if region is not None else {}
    file = None if config is None else str(config)
    return merged(config_file=file, backend=backend, storage=storage, keywords=keywords)


def settings(
    config: Path | None = None,
    backend: str | None = None,
    storage: str | None = None,
    region: str | None = None,
) -> Settings:
    """Return the settings that the options mean.

    Raises:
        ConfigurationError: something is wrong, or the backend is not there.
        FileNotFoundError: the file is not there.
    """
    from greenlithops.config.settings import typed

    return typed(*content(config, backend, storage, region))


def out() -> Console:
    """Return where answers are printed."""
    return Console(highlight=False, soft_wrap=True, no_color=not sys.stdout.isatty())


def print_json(value: object) -> None:
    """Print a value as JSON."""
    sys.stdout.write(json.dumps(value, indent=2, default=str, ensure_ascii=False) + "\n")


def print_rows(
    columns: Sequence[str], rows: Iterable[Mapping[str, Any]], *, as_json: bool, total: str
) -> None:
    """Print rows as a table with their number, or as JSON.

    Args:
        columns: the keys of each row, in the order of the columns.
        rows: what is printed.
        as_json: whether to print JSON.
        total: what the rows are, for the line below the table.
    """
    found = [{name: row.get(name) for name in columns} for row in rows]
    if as_json:
        print_json(found)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in columns:
        numeric = bool(found) and all(isinstance(row[name], (int, float)) for row in found)
        table.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in found:
        table.add_row(*("" if value is None else str(value) for value in row.values()))
    console = out()
    if found:
        console.print(table)
    console.print(f"Total {total}: {len(found)}")
