"""The `greenlithops` command; workers import it too, so it imports nothing before it runs."""

from __future__ import annotations

import sys

INTERRUPTED = 130  #: what shells expect of a program that Ctrl-C has ended


def main() -> None:
    """Run the command that the process was started with, and exit with its code."""
    try:
        from greenlithops.cli.app import run  # noqa: PLC0415 - Typer and Rich are slow to import

        sys.exit(run())
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
