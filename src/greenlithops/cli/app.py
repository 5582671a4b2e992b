"""Puts the commands together: each lives in a package of its own beside this file."""

from __future__ import annotations

from typing import Annotated

import typer

from greenlithops import __version__
from greenlithops.cli.hello.command import hello

app = typer.Typer(
    help="Run Python functions on many workers, and know what every call cost in joules.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command()(hello)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"greenlithops {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Run Python functions on many workers, and know what every call cost in joules."""
