"""`greenlithops runtime build`: an image of workers, or the recipe and the folder to make it of."""

from __future__ import annotations

# ruff: noqa: PLC0415 - a command imports its own parts, so that the others start at once
import shutil
import sys
import tempfile
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from greenlithops.cli.options import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence

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
_COMPUTE = "greenlithops.backends.compute"
#: the modules with the recipes of images, by the backends that run them
RECIPES = {
    **dict.fromkeys(PODS, f"{_COMPUTE}.kubernetes.image"),
    **dict.fromkeys(("knative", "code_engine", "aliyun_fc"), f"{_COMPUTE}.image"),
    "aws_lambda": f"{_COMPUTE}.aws_lambda.image",
    "oracle_f": f"{_COMPUTE}.oracle_f.image",
}


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
    as_json: bool = False,
    arguments: Sequence[str] = (),
) -> None:
    """Build the image of workers, or write what it is built from, and tell where it is.

    Raises:
        UsageError: there is neither a name nor a folder.
        ExecutorError: it could not be built or pushed.
    """
    from greenlithops.backends.compute import building
    from greenlithops.backends.compute.image import Recipe, check_architecture
    from greenlithops.errors import UsageError

    if output is None and name is None:
        raise UsageError("give the image's name, or a folder with --output")
    check_architecture(architecture)
    with tempfile.TemporaryDirectory(prefix="greenlithops-image-") as temporary:
        folder = output or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        made_so: Recipe = import_module(RECIPES[backend]).RECIPE
        made_so.write(folder, base=base, requirements=requirements, architecture=architecture)
        if recipe is not None:
            shutil.copy(recipe, folder / "Containerfile")
        if output is not None:
            made = output / "Containerfile"
            if as_json:
                print_json({"file": str(made)})
            else:
                sys.stdout.write(f"{made}\n")
            return
        assert name is not None  # noqa: S101 - checked above
        building.build(folder, name, architecture=architecture, arguments=arguments)
        if push:
            building.push(name)
        if as_json:
            print_json({"image": name, "pushed": push})
        else:
            sys.stdout.write(f"{name}\n")
