"""What users say about ranges and progress, turned into what the operations take."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from greenlithops.errors import UsageError
from greenlithops.objects import Span

Progress = Callable[[int, int | None], object]  #: told bytes done, and the total where it is known


class Teller:
    """Adds up what has been moved, and tells a hook.

    Attributes:
        total: how many bytes there are to move; None as long as that is not known.
    """

    def __init__(self, hook: Progress | None, total: int | None = None) -> None:
        self.total = total
        self._hook = hook
        self._done = 0

    def __call__(self, more: int) -> None:
        """Take note of more bytes that were moved."""
        self._done += more
        if self._hook is not None:
            self._hook(self._done, self.total)


def span_of(start: int | None, stop: int | None) -> Span | None:
    """Return the range that `start` and `stop` name; None for the whole object.

    Raises:
        UsageError: they are not numbers, or a negative one is not `start` alone.
    """
    for bound in (start, stop):
        if bound is not None and not isinstance(bound, int):
            raise UsageError(f"a range has whole numbers, not {bound!r}")
    if start is None and stop is None:
        return None
    if stop is not None and (stop < 0 or (start or 0) < 0):
        raise UsageError(
            "a range is a start, or a start and a stop that are not negative; only a start alone "
            "may be negative, for the last bytes"
        )
    return Span(start or 0, stop)


def size_of(body: Any) -> int | None:
    """Return the bytes of what will be written; None where only reading it tells."""
    if isinstance(body, str):
        return len(body.encode())
    if isinstance(body, os.PathLike):
        return None
    try:
        return memoryview(body).nbytes
    except TypeError:
        return None
