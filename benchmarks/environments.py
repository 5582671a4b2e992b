"""An environment per peer, made once, so that no peer's dependencies meet ours or another's."""

from __future__ import annotations

import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from catalogue import ENVIRONMENTS

if TYPE_CHECKING:
    from pathlib import Path

INSTALL_SECONDS = 300


class PeerEnvironmentError(Exception):
    """A peer's environment cannot be made."""


def python_of(environment: str | None, root: Path) -> Path | str:
    """Return the interpreter of an environment, which is made if it is not there yet."""
    if environment is None:
        return sys.executable
    requirements = ENVIRONMENTS[environment]
    folder = root / ".venvs" / f"bench-{environment}"
    python = folder / "bin" / "python"
    # Written last: an interrupted installation is not taken for a whole one.
    stamp = folder / "requirements.txt"
    wanted = "\n".join((*requirements, f"# Python {sys.version_info[0]}.{sys.version_info[1]}\n"))
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(exist_ok=True)
    print(f"making {folder.relative_to(root)}", file=sys.stderr, flush=True)
    if uv := shutil.which("uv"):
        _run(uv, "venv", "--quiet", "--python", sys.executable, str(folder))
        _run(uv, "pip", "install", "--quiet", "--python", str(python), *requirements)
    else:
        _run(sys.executable, "-m", "venv", str(folder))
        _run(str(python), "-m", "pip", "install", "--quiet", *requirements)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _run(*command: str) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS)
    except subprocess.CalledProcessError as error:
        raise PeerEnvironmentError(last_line(error.stderr) or str(error)) from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PeerEnvironmentError(str(error)) from error


def last_line(text: str) -> str:
    """Return the last line with something on it, where programs put the reason of a failure."""
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "")
