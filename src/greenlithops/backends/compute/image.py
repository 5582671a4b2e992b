"""The image of a service that answers over HTTP: a small Python, the worker, and a server for it.

What is in it besides the base is put together here, for the service's processors, without running
anything: so any base with the right Python will do.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from typing import TYPE_CHECKING

from greenlithops.backends.compute.package import package
from greenlithops.backends.compute.services import COMMAND, PYTHON, SERVER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BASE = f"docker.io/library/python:{PYTHON}-slim"
ROOT = "/worker"
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
NOTE = f"# Python {PYTHON}: pickled functions need the same minor version as the client's."


def containerfile(base: str = BASE) -> str:
    """Return the recipe of the image: what is in the folder ``app`` over a base."""
    return (
        f"{NOTE}\nFROM {base}\nCOPY app {ROOT}\n"
        f"ENV PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\n"
        f"USER 65532:65532\nCMD {json.dumps(COMMAND)}\n"
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
    write(folder, containerfile(base), (*SERVER, *requirements), architecture)


def write(
    folder: Path,
    recipe: str,
    requirements: Sequence[str],
    architecture: str,
    files: Mapping[str, str] | None = None,
) -> None:
    """Write a recipe, and the folder ``app`` with the worker's package.

    Args:
        folder: where; what is there is replaced.
        recipe: the Containerfile.
        requirements: packages, as pip takes them.
        architecture: ``amd64`` or ``arm64``.
        files: what else is in ``app``, by name.

    Raises:
        ConfigurationError: the packages cannot be had.
    """
    content = package(tuple(requirements), ARCHITECTURES[architecture]).archive()
    app = folder / "app"
    shutil.rmtree(app, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(app)
    for name, text in (files or {}).items():
        (app / name).write_text(text, "utf-8")
    (folder / "Containerfile").write_text(recipe, "utf-8")
