"""`greenlithops as-lithops`: the command `lithops`, for scripts, where it is asked for."""

from __future__ import annotations

import os
import sysconfig
from pathlib import Path
from typing import Annotated

import typer

from greenlithops.cli.failing import one_line_errors
from greenlithops.cli.options import AsJson, out, print_json
from greenlithops.errors import UsageError

_NAME = "lithops"
_MARK = "greenlithops.cli"


def launcher() -> Path:
    """Return where the command `lithops` of this environment is, or would be."""
    return Path(sysconfig.get_path("scripts")) / _NAME


def install() -> Path:
    """Write the command, beside `greenlithops`.

    Raises:
        UsageError: there is a command of this name that is not ours: Lithops itself.
    """
    path = launcher()
    _require_ours(path)
    own = path.with_name("greenlithops")
    if not own.is_file():
        raise UsageError(f"there is no command {str(own)!r} to make another name for")
    new = path.with_name(f".{_NAME}-{os.getpid()}")
    new.write_bytes(own.read_bytes())
    new.chmod(own.stat().st_mode)
    new.replace(path)
    return path


def remove() -> Path:
    """Delete the command, if there is one.

    Raises:
        UsageError: it is not ours.
    """
    path = launcher()
    _require_ours(path)
    path.unlink(missing_ok=True)
    return path


def _require_ours(path: Path) -> None:
    if path.exists() and _MARK not in path.read_text(encoding="utf-8", errors="replace"):
        raise UsageError(f"{path} is Lithops' own command; uninstall Lithops to replace it")


def as_lithops(
    uninstall: Annotated[bool, typer.Option("--remove", help="Delete the command.")] = False,
    as_json: AsJson = False,
) -> None:
    """Make the command `lithops` mean greenlithops in this environment.

    A real Lithops that is installed here is not replaced.
    """
    with one_line_errors():
        path = remove() if uninstall else install()
        if as_json:
            print_json({"command": str(path), "installed": not uninstall})
            return
        verb = "is deleted" if uninstall else "runs greenlithops now"
        out().print(f"{path} {verb}.", markup=False)
