"""The recipe of a container image for Lambda: a base, the worker's package, and its handler."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.compute.aws_lambda.options import HANDLER
from greenlithops.backends.compute.image import NOTE, write
from greenlithops.backends.compute.services import PYTHON

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

OFFICIAL = "public.ecr.aws/lambda/python"  #: AWS' images, which have its runtime client
BASE = f"{OFFICIAL}:{PYTHON}"
ROOT = "/var/task"  #: where Lambda has the code
CLIENT = "awslambdaric>=3"  #: the same, for other bases


def containerfile(base: str = BASE) -> str:
    """Return the recipe of the image: what is in the folder ``app`` over a base."""
    lines = [
        NOTE,
        f"FROM {base}",
        f"COPY app {ROOT}",
    ]
    if not base.startswith(OFFICIAL):
        lines += [
            f"ENV PYTHONPATH={ROOT} LAMBDA_TASK_ROOT={ROOT}",
            f"WORKDIR {ROOT}",
            'ENTRYPOINT ["python3", "-m", "awslambdaric"]',
        ]
    return "\n".join([*lines, f'CMD ["{HANDLER}"]', ""])


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
    own = () if base.startswith(OFFICIAL) else (CLIENT,)
    write(folder, containerfile(base), (*own, *requirements), architecture)
