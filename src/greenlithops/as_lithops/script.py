"""Runs a Python script as `python script.py` would, with the switch on."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from greenlithops.as_lithops.finder import install


def run_script(script: str, arguments: list[str]) -> None:
    """Run a script, or a folder or archive with a `__main__`; its errors and exits are its own.

    Args:
        script: its path.
        arguments: what it finds in ``sys.argv[1:]``.

    Raises:
        FileNotFoundError: there is no such file.
    """
    path = Path(script)
    if not path.exists():
        raise FileNotFoundError(f"there is no script {script!r}")
    install()
    sys.argv[:] = [script, *arguments]
    if path.is_file() and path.suffix not in {".pyz", ".zip"}:
        # As the interpreter does: what lies beside the script comes first.
        sys.path[:1] = [str(path.resolve().parent)]
    runpy.run_path(script, run_name="__main__")
