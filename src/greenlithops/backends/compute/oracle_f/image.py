"""The image of a function on Oracle Functions: a small Python, the worker, and Oracle's kit."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from greenlithops.backends.compute.image import BASE, NOTE, write

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ROOT = "/function"
KIT = "fdk==0.1.128"
_FUNCTION = "from greenlithops.worker.fdk_function import handler\n"
_START = "from fdk.scripts.fdk import main; main()"  # the kit's own command names another Python
_COMMAND = ("python3", "-c", _START, f"{ROOT}/func.py", "handler")


def containerfile(base: str = BASE) -> str:
    """Return the recipe of the image: what is in the folder ``app`` over a base."""
    return (
        f"{NOTE}\nFROM {base}\nCOPY app {ROOT}\nWORKDIR {ROOT}\n"
        f"ENV PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\n"
        f"ENTRYPOINT {json.dumps(_COMMAND)}\n"
    )


def write_context(
    folder: Path,
    *,
    base: str = BASE,
    requirements: Sequence[str] = (),
    architecture: str = "amd64",
) -> None:
    """Write a Containerfile, and the folder that it copies; nothing is run for that.

    Args:
        folder: where; what is there is replaced.
        base: the image that it starts from.
        requirements: packages for calls, as pip takes them.
        architecture: ``amd64`` or ``arm64``.

    Raises:
        ConfigurationError: the packages cannot be had.
    """
    files = {"func.py": _FUNCTION}
    write(folder, containerfile(base), (KIT, *requirements), architecture, files)
