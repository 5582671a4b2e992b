"""Writes docs/configuration.md from the table of sections, and the schema for editors beside it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from greenlithops.config.keys import Fate, Key, Role, Section
from greenlithops.config.known import SECTIONS
from greenlithops.config.schema import schema

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "configuration.md"
SCHEMA = ROOT / "docs" / "greenlithops.schema.json"

HEAD = """# Configuration

greenlithops needs no configuration: without one, functions run on this machine. It reads
Lithops' files as they are; this page is about their words. What a name means, which values it
takes and what becomes of it stands in one table in the code, from which this page, the checks and
the [schema for editors](greenlithops.schema.json) are made (`tools/configuration.py`).

## Where it is looked for

The first of these that there is:

1. `FunctionExecutor(config={…})`
2. `FunctionExecutor(config_file="…")`; it is an error if the file is not there
3. in a worker: what the executor that it belongs to was given
4. the environment variable `LITHOPS_CONFIG`: JSON
5. the file that `LITHOPS_CONFIG_FILE` names
6. `./.lithops_config`
7. `~/.lithops/config`
8. `/etc/lithops/config`

Arguments stand above it: `mode`, `backend`, `storage` and `monitoring` above the section
`lithops`, all others above the section of the backend. An argument that is None says nothing.

A configuration that names no backend means this machine, unless it has a section `aws_lambda`:
then it means AWS Lambda, as in Lithops. One that names no storage means files on this machine,
unless it has a section `aws_s3`.

The keys of `aws`, `gcp`, `azure`, `ibm`, `aliyun` and `oracle` are merged under the sections of
their backends, whose own keys win.

## What is wrong with it

`greenlithops config check` says what is wrong and what changes nothing; `greenlithops config show`
prints what is in force, with secrets masked. A key that does not exist is an error that names the
nearest one that does; so is a value of a wrong type, wherever it stands, and a section whose name
is all but one that exists. Any other section is the program's own: it stands in `executor.config`
as it was given, and `config check` notes it. A backend that this version does not have is an error
when it is chosen; its section may stand there.

`greenlithops config schema -o FILE` writes the schema, which knows no programs' own sections;
editors with the YAML language server read it when a file begins with

    # yaml-language-server: $schema=/path/of/greenlithops.schema.json
"""


def table(section: Section) -> str:
    """Return the keys of a section as a table."""
    lines = ["| key | type | default | meaning |", "|---|---|---|---|"]
    lines += [_row(key) for key in section.keys.values()]
    return "\n".join(lines)


def _row(key: Key) -> str:
    default = "" if key.default is None else f"{key.default}"
    about = key.about
    if key.fate is Fate.NEEDLESS:
        about = f"{about}{': ' if about else ''}accepted, not needed, since {key.advice}"
    elif key.fate is Fate.REFUSED:
        about = f"{about}: refused, since {key.advice}"
    values = f" ({', '.join(map(str, key.choices))})" if key.choices else ""
    return f"| `{key.name}` | {key.kind.value}{values} | {default} | {about} |"


def page() -> str:
    """Return the page."""
    parts = [HEAD]
    parts += [_part(SECTIONS[name]) for name in ("lithops", "localhost")]
    parts.append("\n# Storage\n\nEach has `storage_bucket`, where objects without a bucket go.\n")
    parts += [_part(section) for section in _of(Role.STORAGE)]
    parts.append(
        "\n# What this version does not have\n\nThese sections may stand in a configuration, and "
        "are checked; choosing one of these backends is an error that says what to do.\n"
    )
    parts += [_names(section) for section in [*_of(Role.COMPUTE), *_of(Role.CHANNEL)]]
    return "".join(parts)


def _of(role: Role) -> list[Section]:
    return [one for one in SECTIONS.values() if one.role is role and one.name != "localhost"]


def _part(section: Section) -> str:
    return f"\n## `{section.name}`\n\n{section.about}{_needs(section)}\n\n{table(section)}\n"


def _names(section: Section) -> str:
    names = ", ".join(f"`{name}`" for name in section.keys)
    return f"\n## `{section.name}`\n\n{section.about} {names}\n"


def _needs(section: Section) -> str:
    if not section.required:
        return ""
    return f" It needs {', '.join(f'`{name}`' for name in section.required)}."


def main() -> int:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.parse_args()
    PAGE.write_text(page(), encoding="utf-8")
    text = json.dumps(schema(), indent=2, sort_keys=True) + "\n"
    SCHEMA.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
