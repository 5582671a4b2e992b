"""The image that pods run: a small Python, greenlithops, and what it needs to reach Redis."""

from __future__ import annotations

import shutil
from pathlib import Path

from greenlithops.backends.compute.image import Recipe, unprivileged

REQUIREMENTS = ("redis[hiredis]>=8.0",)
ROOT = "/opt/greenlithops"
_COMMAND = ("python3", "-m", "greenlithops.backends.compute.kubernetes.agent", "--help")


def _with_agent(app: Path) -> None:
    """Add this package, which workers elsewhere have no use for."""
    inside = app.joinpath("greenlithops", "backends", "compute", "kubernetes")
    left_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(__file__).parent, inside, ignore=left_out, dirs_exist_ok=True)


RECIPE = Recipe(
    lambda base: unprivileged(base, ROOT, _COMMAND), lambda _: REQUIREMENTS, complete=_with_agent
)
