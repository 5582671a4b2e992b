"""The `greenlithops` command; workers import it too, so it imports nothing."""

from __future__ import annotations

import sys

INTERRUPTED = 130  #: what shells expect of a program that Ctrl-C has ended


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    try:
        from greenlithops.cli.app import app  # noqa: PLC0415 - Typer and Rich are slow to import

        app(prog_name="greenlithops")
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
