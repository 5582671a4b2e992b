"""`greenlithops config`: what is in force, what is wrong with it, and the schema for editors."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from greenlithops.cli.failing import FAILED, one_line_errors
from greenlithops.cli.options import AsJson, Backend, ConfigFile, StorageName, out, print_json
from greenlithops.cli.options import content as merged_content
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from greenlithops.config.check import Finding
    from greenlithops.config.files import Found

app = typer.Typer(no_args_is_help=True, help="The configuration.")


@app.command()
def show(
    config: ConfigFile = None,
    backend: Backend = None,
    storage: StorageName = None,
    as_json: AsJson = False,
) -> None:
    """Print the configuration in force, with its secrets masked."""
    from greenlithops.config.show import masked

    with one_line_errors():
        found, origin = merged_content(config, backend, storage)
        safe = {name: values for name, values in masked(found).items() if values}
        if as_json:
            print_json({"origin": origin, "config": safe})
            return
        import yaml

        sys.stdout.write(f"# from {origin}\n")
        sys.stdout.write(yaml.safe_dump(safe, default_flow_style=False, allow_unicode=True))


@app.command()
def check(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Say what is wrong with the configuration, and what of it changes nothing.

    The exit code is 1 if it cannot be used.
    """
    from greenlithops.config.check import findings
    from greenlithops.config.files import find

    with one_line_errors():
        found = find(None, config)
        told = findings(found.content)
        if not any(one.error for one in told):
            told += _chosen(found)
        wrong = any(one.error for one in told)
        if as_json:
            print_json(
                {
                    "origin": found.origin,
                    "usable": not wrong,
                    "findings": [one._asdict() for one in told],
                }
            )
        else:
            console = out()
            for one in told:
                place = f"{one.section}.{one.key}".strip(".")
                mark = "error" if one.error else "note"
                console.print(f"{mark}: {place} {one.text}".replace("  ", " "), markup=False)
            verdict = "cannot be used" if wrong else "can be used"
            console.print(f"The configuration from {found.origin} {verdict}.", markup=False)
    if wrong:
        raise typer.Exit(FAILED)


def _chosen(found: Found) -> list[Finding]:
    """Return what is wrong with the backends that the configuration chooses."""
    from greenlithops.config.check import Finding
    from greenlithops.config.merging import merged
    from greenlithops.config.settings import typed

    try:
        typed(*merged(config=found.content))
    except ConfigurationError as error:
        return [Finding("", "", str(error), error=True)]
    return []


@app.command()
def schema(
    output: Annotated[
        str | None, typer.Option("--output", "-o", help="A file to write it to.")
    ] = None,
    as_json: Annotated[  # noqa: ARG001 - taken by every command, and what this one prints
        bool, typer.Option("--json", help="As without: a schema is JSON.")
    ] = False,
) -> None:
    """Print the JSON schema of configuration files, for editors."""
    import json
    from pathlib import Path

    from greenlithops.config.schema import schema as json_schema

    text = json.dumps(json_schema(), indent=2, sort_keys=True) + "\n"
    with one_line_errors():
        if output is None:
            sys.stdout.write(text)
        else:
            Path(output).write_text(text, encoding="utf-8")
