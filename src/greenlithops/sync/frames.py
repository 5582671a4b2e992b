"""Takes our own frames out of tracebacks: what users see is their line and their error."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from greenlithops.errors import GreenlithopsError

E = TypeVar("E", bound=BaseException)

FULL = "GREENLITHOPS_FULL_TRACEBACKS"  #: environment variable that keeps them
_OURS = (
    str(Path(__file__).resolve().parents[1]) + os.sep,
    str(Path(asyncio.__file__).resolve().parent) + os.sep,
)


def trimmed(error: E) -> E:
    """Return the error without the frames of greenlithops and asyncio that it came through.

    An error that is neither the user's nor one of ours is a fault in greenlithops: it keeps all.
    """
    expected = isinstance(error, GreenlithopsError) or getattr(error, "__notes__", None)
    if not expected or os.environ.get(FULL):
        return error
    kept = []
    trace = error.__traceback__
    while trace is not None:
        if not trace.tb_frame.f_code.co_filename.startswith(_OURS):
            kept.append(trace)
        trace = trace.tb_next
    rest: TracebackType | None = None
    for part in reversed(kept):
        rest = TracebackType(rest, part.tb_frame, part.tb_lasti, part.tb_lineno)
    error.__traceback__ = rest
    return error
