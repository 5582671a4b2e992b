"""The image of a function on Oracle Functions: a small Python, the worker, and Oracle's kit."""

from __future__ import annotations

import json

from greenlithops.backends.compute.image import NOTE, Recipe

ROOT = "/function"
KIT = "fdk==0.1.128"
_FUNCTION = "from greenlithops.worker.fdk_function import handler\n"
_START = "from fdk.scripts.fdk import main; main()"  # the kit's own command names another Python
_COMMAND = ("python3", "-c", _START, f"{ROOT}/func.py", "handler")


def containerfile(base: str) -> str:
    """Return the recipe's text for a base."""
    return (
        f"{NOTE}\nFROM {base}\nCOPY app {ROOT}\nWORKDIR {ROOT}\n"
        f"ENV PYTHONPATH={ROOT} PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1\n"
        f"ENTRYPOINT {json.dumps(_COMMAND)}\n"
    )


RECIPE = Recipe(containerfile, lambda _: (KIT,), files={"func.py": _FUNCTION})
