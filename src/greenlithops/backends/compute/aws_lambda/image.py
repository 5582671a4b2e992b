"""The recipe of a container image for Lambda: a base, the worker's package, and its handler."""

from __future__ import annotations

from greenlithops.backends.compute.aws_lambda.options import HANDLER
from greenlithops.backends.compute.image import NOTE, Recipe
from greenlithops.backends.compute.services import PYTHON

OFFICIAL = "public.ecr.aws/lambda/python"  #: AWS' images, which have its runtime client
BASE = f"{OFFICIAL}:{PYTHON}"
ROOT = "/var/task"  #: where Lambda has the code
CLIENT = "awslambdaric>=3"  #: the same, for other bases


def containerfile(base: str) -> str:
    """Return the recipe's text for a base."""
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


def _packages(base: str) -> tuple[str, ...]:
    return () if base.startswith(OFFICIAL) else (CLIENT,)


RECIPE = Recipe(containerfile, _packages, BASE)
