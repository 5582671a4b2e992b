"""`greenlithops runtime build` for pods: an image, or the recipe and the folder to make it of."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

Base = Annotated[
    str | None, typer.Option("--base", help="The image to start from; it needs Python only.")
]
Requirement = Annotated[
    list[str] | None,
    typer.Option("--requirement", "-r", help="A package for calls, as pip takes it; repeatable."),
]
Architecture = Annotated[str, typer.Option("--architecture", help="amd64 or arm64.")]
Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write what it is built from here instead.")
]
Push = Annotated[bool, typer.Option("--push", help="Push it to its registry, too.")]

PODS = ("kubernetes", "k8s")
BUILT = (*PODS, "aws_lambda")  #: whose images are built here


def build_image(
    name: str | None,
    recipe: Path | None,
    *,
    base: str | None,
    requirements: list[str],
    architecture: str,
    output: Path | None,
    push: bool,
    backend: str = "kubernetes",
) -> None:
    """Build the image of workers, or write what it is built from.

    Raises:
        UsageError: there is neither a name nor a folder.
        ExecutorError: it could not be built or pushed.
    """
    from greenlithops.backends.compute.aws_lambda import image as functions
    from greenlithops.backends.compute.kubernetes import image
    from greenlithops.errors import UsageError

    if output is None and name is None:
        raise UsageError("give the image's name, or a folder with --output")
    image.check_architecture(architecture)
    with tempfile.TemporaryDirectory(prefix="greenlithops-image-") as temporary:
        folder = output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        recipes = image if backend in PODS else functions
        recipes.write_context(
            folder,
            base=base or recipes.BASE,
            requirements=requirements,
            architecture=architecture,
        )
        if recipe is not None:
            shutil.copy(recipe, folder / "Containerfile")
        if output is not None:
            sys.stdout.write(f"{output / 'Containerfile'}\n")
            return
        assert name is not None  # noqa: S101 - checked above
        image.build(folder, name, architecture=architecture)
        if push:
            image.push(name)
        sys.stdout.write(f"{name}\n")
