"""Has whatever program is here build an image from a recipe, and push it."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

from greenlithops.errors import ExecutorError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

ENGINES = ("podman", "docker", "buildah")


def engine() -> str:
    """Return the first of podman, docker and buildah that is here.

    Raises:
        ExecutorError: none of them is.
    """
    for name in ENGINES:
        if found := shutil.which(name):
            return found
    raise ExecutorError(
        f"none of {', '.join(ENGINES)} is here to build an image; write the Containerfile with "
        "--output, and build it where one is"
    )


def build(
    folder: Path,
    name: str,
    *,
    architecture: str = "amd64",
    program: str = "",
    arguments: Sequence[str] = (),
) -> None:
    """Build the image of a folder that a `Recipe` has written.

    Args:
        folder: what it is built from.
        name: its name, with registry and tag.
        architecture: ``"amd64"`` or ``"arm64"``.
        program: what builds it; by default the first that is found.
        arguments: more options for ``build`` of that program.

    Raises:
        ExecutorError: nothing here can build images, or it failed.
    """
    program = program or engine()
    command = [program, "build", "--platform", f"linux/{architecture}", "--tag", name]
    command += [*arguments, "--file", str(folder / "Containerfile"), str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExecutorError(f"{program} did not build {name}: {done.stderr.strip()[-2000:]}")


def push(name: str, *, program: str = "") -> None:
    """Push an image to its registry.

    Raises:
        ExecutorError: it cannot be pushed.
    """
    program = program or engine()
    done = subprocess.run([program, "push", name], capture_output=True, text=True, check=False)
    if done.returncode:
        raise ExecutorError(f"{program} did not push {name}: {done.stderr.strip()[-2000:]}")
