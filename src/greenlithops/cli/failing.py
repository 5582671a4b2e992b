"""How commands fail: with one line on standard error and an exit code, never a traceback."""

from __future__ import annotations

import os
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
UNREAD = 128 + 13  #: as a shell tells the end by SIGPIPE


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Turn expected errors, and Ctrl-C, into one line and an exit code."""
    try:
        yield
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError as error:  # who reads the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the last flush
        raise typer.Exit(UNREAD) from error
    except UsageError as error:
        say(str(error))
        raise typer.Exit(MISUSED) from error
    except (GreenlithopsError, OSError) as error:
        say(str(error))
        raise typer.Exit(FAILED) from error


def say(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"greenlithops: {' '.join(text.split())}\n")
