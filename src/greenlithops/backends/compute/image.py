"""What images are built from: a small Python, the worker, and what starts it.

What is in an image besides the base is put together here, for its processors, without running
anything: so any base with the right Python will do.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from greenlithops.backends.compute.package import package
from greenlithops.backends.compute.services import COMMAND, PYTHON, SERVER
from greenlithops.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

BASE = f"docker.io/library/python:{PYTHON}-slim"
ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}
NOTE = f"# Python {PYTHON}: pickled functions need the same minor version as the client's."


@dataclass(frozen=True, slots=True)
class Recipe:
    """How an image is made.

    Attributes:
        containerfile: returns the recipe's text for a base; the folder ``app`` is copied over it.
        packages: returns what the worker needs over a base, as pip takes it.
        base: the image that it starts from by default.
        files: texts that are in ``app`` too, by name.
        complete: puts more into ``app``.
    """

    containerfile: Callable[[str], str]
    packages: Callable[[str], Sequence[str]]
    base: str = BASE
    files: Mapping[str, str] = field(default_factory=dict)
    complete: Callable[[Path], object] = lambda _: None

    def write(
        self,
        folder: Path,
        *,
        base: str | None = None,
        requirements: Sequence[str] = (),
        architecture: str = "amd64",
    ) -> None:
        """Write a Containerfile, and the folder that it copies; nothing is run for that.

        Args:
            folder: where; what is there is replaced.
            base: the image that it starts from; the recipe's own by default.
            requirements: packages for calls, as pip takes them.
            architecture: ``amd64`` or ``arm64``.

        Raises:
            ConfigurationError: the packages cannot be had.
        """
        base = base or self.base
        needed = (*self.packages(base), *requirements)
        content = package(needed, ARCHITECTURES[architecture]).archive()
        app = folder / "app"
        shutil.rmtree(app, ignore_errors=True)
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            archive.extractall(app)
        for name, text in self.files.items():
            (app / name).write_text(text, "utf-8")
        self.complete(app)
        (folder / "Containerfile").write_text(self.containerfile(base), "utf-8")


def unprivileged(base: str, root: str, command: Sequence[str]) -> str:
    """Return the recipe's text for a worker that runs as nobody.

    Args:
        base: the image that it starts from.
        root: where its packages are in the image.
        command: what starts it.
    """
    return (
        f"{NOTE}\nFROM {base}\nCOPY app {root}\n"
        f"ENV PYTHONPATH={root} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\n"
        f"USER 65532:65532\nCMD {json.dumps(list(command))}\n"
    )


def check_architecture(name: str) -> str:
    """Return an architecture's name.

    Raises:
        ConfigurationError: there is no such one.
    """
    if name not in ARCHITECTURES:
        raise ConfigurationError(f"the architecture is amd64 or arm64, not {name!r}")
    return name


ROOT = "/worker"
#: of a service that answers over HTTP
RECIPE = Recipe(lambda base: unprivileged(base, ROOT, COMMAND), lambda _: SERVER)
