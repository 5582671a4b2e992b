"""How commands fail: with one line on standard error and an exit code, never a traceback."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer

from greenlithops.cli import INTERRUPTED
from greenlithops.errors import GreenlithopsError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

FAILED = 1  #: the command could not do what was asked
MISUSED = 2  #: what was asked makes no sense


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn expected errors, and Ctrl-C, into one line and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except UsageError as error:
        say(str(error))
        raise typer.Exit(MISUSED) from error
    except (GreenlithopsError, OSError) as error:
        say(str(error))
        raise typer.Exit(FAILED) from error


def say(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"greenlithops: {' '.join(text.split())}\n")
