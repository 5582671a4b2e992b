"""Makes the image that pods run: a small Python, greenlithops, and what it needs to reach Redis.

What is in it besides the base is put together here, for the pods' processors, without running
anything: so no image has to be run to build one, and any base with the right Python will do.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from greenlithops.backends.compute.package import package
from greenlithops.errors import ConfigurationError, ExecutorError

if TYPE_CHECKING:
    from collections.abc import Sequence

PYTHON = f"{sys.version_info[0]}.{sys.version_info[1]}"
BASE = f"docker.io/library/python:{PYTHON}-slim"
ENGINES = ("podman", "docker", "buildah")
REQUIREMENTS = ("redis[hiredis]>=8.0",)
ROOT = "/opt/greenlithops"
_ARCHITECTURES = {"amd64": "x86_64", "arm64": "arm64"}


def containerfile(base: str = BASE) -> str:
    """Return the recipe of the image: what is in the folder ``app`` over a base."""
    return (
        f"# Python {PYTHON}: pickled functions need the same minor version as the client's.\n"
        f"FROM {base}\n"
        f"COPY app {ROOT}\n"
        f"ENV PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\n"
        "USER 65532:65532\n"
        'CMD ["python3", "-m", "greenlithops.backends.compute.kubernetes.agent", "--help"]\n'
    )


def write_context(
    folder: Path,
    *,
    base: str = BASE,
    requirements: Sequence[str] = (),
    architecture: str = "amd64",
) -> None:
    """Write a Containerfile, and the folder that it copies.

    Args:
        folder: where; what is there is replaced.
        base: the image that it starts from.
        requirements: further packages for calls, as pip takes them.
        architecture: ``amd64`` or ``arm64``.

    Raises:
        ConfigurationError: the packages cannot be had.
    """
    content = package((*REQUIREMENTS, *requirements), _ARCHITECTURES[architecture]).archive()
    app = folder / "app"
    shutil.rmtree(app, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        archive.extractall(app)
    own = Path(__file__).parent
    inside = app.joinpath("greenlithops", "backends", "compute", "kubernetes")
    shutil.copytree(own, inside, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    (folder / "Containerfile").write_text(containerfile(base), "utf-8")


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
    """Build the image of a folder that `write_context` has written.

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


def check_architecture(name: str) -> str:
    """Return an architecture's name.

    Raises:
        ConfigurationError: there is no such one.
    """
    if name not in _ARCHITECTURES:
        raise ConfigurationError(f"the architecture is amd64 or arm64, not {name!r}")
    return name
