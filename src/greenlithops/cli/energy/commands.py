"""The face of `greenlithops energy`: its commands and their options. Each imports what it needs."""

from __future__ import annotations

from pathlib import Path  # noqa: TC003 - Typer reads the annotations
from typing import Annotated

import typer

from greenlithops.cli.failing import one_line_errors

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once

app = typer.Typer(
    no_args_is_help=True, help="Joules: what this machine can tell, and what things have cost."
)

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Meter = Annotated[str, typer.Option(help="The energy meter: auto, or the name of one.")]


@app.command()
def probe(
    meter: Meter = "auto",
    json: Json = False,
    require: Annotated[
        str | None, typer.Option(help="Fail unless figures are at least: measured, estimated.")
    ] = None,
) -> None:
    """Show which meter and CPU-time source are used here, and why not the others.

    Exits with 0 if there are figures of the kind that --require asks for (by default: any), else
    with 1.
    """
    with one_line_errors():
        from greenlithops.cli.energy.probe import run

        raise typer.Exit(run(meter, json=json, require=require))


@app.command(context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
def record(
    command: Annotated[list[str], typer.Argument(help="The command and its arguments.")],
    meter: Meter = "auto",
    json: Json = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Append a line to this energy log.")
    ] = None,
) -> None:
    """Run a command, and tell on standard error what it cost.

    Its CPU time counts with that of its children that it waited for. Exits as the command does:
    with 128 and the signal's number if a signal ended it, with 127 if there is no such command and
    126 if it cannot be run.
    """
    with one_line_errors():
        from greenlithops.cli.energy.record import run

        raise typer.Exit(run(command, meter, json=json, output=output))


@app.command()
def watch(
    interval: Annotated[float, typer.Option(help="Seconds between two lines.")] = 1.0,
    count: Annotated[int | None, typer.Option(help="End after so many.")] = None,
    meter: Meter = "auto",
    json: Json = False,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Append to this energy log, too.")
    ] = None,
    prometheus: Annotated[
        str | None, typer.Option(help="Serve metrics at ADDRESS:PORT, or at this port of all.")
    ] = None,
) -> None:
    """Print the machine's power, line by line, until it is interrupted.

    With --json, lines are those of an energy log, which `report` and `calibrate` read.
    """
    with one_line_errors():
        from greenlithops.cli.energy.watch import run

        run(interval, count, meter, json=json, output=output, prometheus=prometheus)


@app.command()
def report(
    logs: Annotated[list[Path], typer.Argument(help="Energy logs.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the HTML page here.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write the records here as CSV.")
    ] = None,
    json: Json = False,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Energy",
) -> None:
    """Sum up energy logs: as a table, JSON, CSV, or a page with pictures.

    Lines that are not whole are passed over and counted on standard error.
    """
    with one_line_errors():
        from greenlithops.cli.energy.report import run

        run(logs, output=output, csv_path=csv, json=json, title=title)


@app.command()
def calibrate(
    readings: Annotated[
        Path | None, typer.Argument(help="The external meter's log: CSV with 'time' and 'watts'.")
    ] = None,
    load: Annotated[
        Path | None, typer.Option(help="What `energy watch --json` wrote meanwhile.")
    ] = None,
    exercise: Annotated[
        Path | None, typer.Option(help="Load the CPUs step by step, and log that here.")
    ] = None,
    seconds: Annotated[float, typer.Option(help="How long each step of --exercise takes.")] = 20.0,
    save: Annotated[Path | None, typer.Option(help="Write the result to this file.")] = None,
    idle: Annotated[
        bool,
        typer.Option("--idle", help="Find idle watts by the machine's own counters; keep them."),
    ] = False,
    meter: Meter = "auto",
    json: Json = False,
) -> None:
    """Fit idle and dynamic watts to an external meter's log.

    First, while the meter logs:   greenlithops energy calibrate --exercise load.jsonl
    Then:                          greenlithops energy calibrate meter.csv --load load.jsonl

    With counters in the machine:   greenlithops energy calibrate --idle

    It says how well the line fits (R²), and refuses when the data do not support one.
    """
    with one_line_errors():
        from greenlithops.cli.energy.calibrate import run

        run(readings, load, exercise, seconds, save, idle=idle, meter=meter, json=json)
