"""What users say about ranges and progress, turned into what the operations take."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import Any

from greenlithops.errors import UsageError
from greenlithops.objects import Span

MOST_SECONDS = 10**9  #: of a URL; storages cannot write the time of much later
_NAME = re.compile(r"[a-z][a-z0-9_-]*")
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


def checked_metadata(metadata: Mapping[str, str] | None) -> dict[str, str]:
    """Return metadata that every storage can keep.

    Raises:
        UsageError: a name or a value is none that all of them take.
    """
    if metadata is not None and not isinstance(metadata, Mapping):
        raise UsageError(f"metadata is text by name, not {metadata!r}")
    for name, value in (metadata or {}).items():
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise UsageError(
                f"a name of metadata has lower-case letters, digits, '-' and '_', unlike {name!r}"
            )
        if not isinstance(value, str) or not (value.isascii() and value.isprintable()):
            raise UsageError(f"the metadata {name!r} must be printable ASCII text, not {value!r}")
        if not value or value != value.strip():
            raise UsageError(
                f"the metadata {name!r} cannot be empty, nor begin or end with a space, as "
                f"{value!r} does: not every storage would keep it"
            )
    return dict(metadata or {})


def checked_type(content_type: str | None) -> str | None:
    """Return a media type that every storage can keep.

    Raises:
        UsageError: it is none.
    """
    if content_type is None:
        return None
    if not isinstance(content_type, str) or not content_type.strip():
        raise UsageError(f"a content type is text such as 'text/plain', not {content_type!r}")
    if not content_type.isascii() or not content_type.isprintable():
        raise UsageError(f"a content type is printable ASCII text, unlike {content_type!r}")
    return content_type


def file_named(key: str) -> Path:
    """Return the file below the working directory that a key names.

    Raises:
        UsageError: the key names one elsewhere.
    """
    path = PurePath(key)
    if path.is_absolute() or ".." in path.parts:
        raise UsageError(f"the key {key!r} names a file elsewhere: say where it shall be written")
    return Path(path)


def checked_seconds(seconds: float) -> float:
    """Return how long a URL shall be valid.

    Raises:
        UsageError: it is no positive number, or more than some thirty years.
    """
    if not isinstance(seconds, (int, float)) or not 0 < seconds < MOST_SECONDS:
        raise UsageError(
            f"a URL is valid for a number of seconds more than 0 and less than {MOST_SECONDS:,}, "
            f"not {seconds!r}"
        )
    return seconds


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
