"""What calls print, shown where the program prints: by workers themselves or in their place."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def shown(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return an executor's options under which workers of this machine print for themselves.

    Others cannot: what their calls have printed comes back with each call, for `show`.
    """
    if options.get("backend", "localhost") != "localhost":
        return dict(options)
    inherited = {"output": "inherited"} | dict(options.get("backend_options") or {})
    return {**options, "backend_options": inherited}


def flush() -> None:
    """Let out what this program has printed, before what its workers print now."""
    for stream in (sys.stdout, sys.stderr):
        # There may be none, it may be closed, or its reader gone: all that is the program's.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()


def show(texts: Sequence[str]) -> None:
    """Print what calls have printed elsewhere."""
    with contextlib.suppress(AttributeError, OSError, ValueError):  # as above
        sys.stdout.write("".join(texts))
        sys.stdout.flush()
