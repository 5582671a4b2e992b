"""The face of `greenlithops hello`: its options, and which form its answer takes."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer
from rich.console import Console

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.hello.greeting import greet
from greenlithops.cli.hello.run import Outcome, count_identifiers
from greenlithops.cli.hello.show import as_json, print_outcome, progress_bar
from greenlithops.cli.options import (
    Backend,
    ConfigFile,
    Debug,
    Region,
    StorageName,
    set_debug,
)
from greenlithops.errors import UsageError


def hello(
    workers: Annotated[
        int | None,
        typer.Option(help="Worker processes at most.", show_default="one for each CPU"),
    ] = None,
    top: Annotated[int, typer.Option(help="How many identifiers to show.")] = 10,
    path: Annotated[
        str | None,
        typer.Option(help="A folder to read instead.", show_default="this Python's installation"),
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print everything that is known, as JSON.")
    ] = False,
    plain: Annotated[
        bool, typer.Option("--plain", help="No colours and no progress bar, also in a terminal.")
    ] = False,
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    region: Region = None,
    calls: Annotated[
        int | None, typer.Option("--map", "-m", help="Say hello by so many calls.")
    ] = None,
    debug: Debug = False,
) -> None:
    """Count the identifiers of all Python files here, and tell what that cost.

    With --config, --backend, --storage, --region or --map, as in Lithops: say
    hello by a call on that backend, or by several, to see that it works.

    A map-reduce over every .py file of the Python that runs it: workers count
    the names that are not keywords, and one of them adds the counts up.
    Energy is shown with its kind: measured, or estimated with bounds.
    """
    with one_line_errors():
        if any(given is not None for given in (config, backend, storage, region, calls)):
            greet(config, backend, storage, region, calls=calls, debug=debug, json=json)
            return
        set_debug(debug)
        outcome = _run(path, workers, top, bar=not plain and not json)
        if json:
            sys.stdout.write(as_json(outcome) + "\n")
        else:
            terminal = not plain and sys.stdout.isatty()
            print_outcome(outcome, Console(highlight=False, no_color=not terminal, soft_wrap=True))


def _run(path: str | None, workers: int | None, top: int, *, bar: bool) -> Outcome:
    if top < 1:
        raise UsageError(f"--top must be at least 1, not {top}")
    if path is not None and not os.path.isdir(path):  # noqa: PTH112 - its text goes to workers
        raise UsageError(f"--path must be a folder; {path!r} is none")
    folder = None if path is None else os.path.abspath(path)  # noqa: PTH100 - see above
    with progress_bar(shown=bar and sys.stdout.isatty()) as on_progress:
        return count_identifiers(folder, workers=workers, top=top, on_progress=on_progress)
