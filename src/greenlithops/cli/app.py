"""Puts the commands together: each lives in a package of its own beside this file."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Annotated, cast

import typer

from greenlithops import __version__
from greenlithops.cli import configuration, engines, objects, running, upkeep
from greenlithops.cli.as_lithops import as_lithops
from greenlithops.cli.attaching import attach
from greenlithops.cli.energy.commands import app as energy
from greenlithops.cli.failing import MISUSED, say
from greenlithops.cli.hello.command import hello
from greenlithops.cli.kubernetes.commands import app as kubernetes
from greenlithops.cli.top import top

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(hello)
app.command(context_settings=running.PASSES_ON)(running.run)
app.command(context_settings=running.PASSES_ON)(top)
app.command("test")(running.self_test)
app.command()(upkeep.clean)
app.command()(attach)
app.command("as-lithops")(as_lithops)
app.add_typer(energy, name="energy")
app.add_typer(configuration.app, name="config")
app.add_typer(objects.app, name="storage")
app.add_typer(upkeep.logs, name="logs")
app.add_typer(kubernetes, name="kubernetes")
app.add_typer(engines.runtime, name="runtime")
app.add_typer(engines.image, name="image")
app.add_typer(engines.job, name="job")
app.add_typer(engines.worker, name="worker")

# Typer carries its own copy of Click or uses Click's, depending on its version.
_Misuse = cast("type[typer.BadParameter]", typer.BadParameter.__bases__[0])


def run() -> int:
    """Run the command line of this process; return its exit code."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # what it cannot encode must not end a command
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        code: int | None = app(prog_name=Path(sys.argv[0]).name, standalone_mode=False)
    except _Misuse as misuse:
        say(misuse.format_message())
        return MISUSED
    return code or 0


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"greenlithops {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option(
            "--version", help="Print the version.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Run Python functions on many workers, and know what every call cost in joules."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(MISUSED)
