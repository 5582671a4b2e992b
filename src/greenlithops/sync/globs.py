"""Globs over keys as Lithops has them: ``*`` stays within a folder, ``**`` does not; pure."""

from __future__ import annotations

import re
from functools import lru_cache

from greenlithops.errors import UsageError


@lru_cache(64)
def glob_pattern(glob: str) -> re.Pattern[str]:
    r"""Return the regular expression of a glob.

    ``*`` and ``?`` match what is no slash; ``**`` between slashes matches any folders, also none;
    a backslash takes the next character as it is.

    Raises:
        UsageError: ``**`` is not alone between slashes.
    """
    *folders, name = glob.rstrip("/").split("/")
    if any(part != "**" and re.search(r"(?<!\\)\*\*", part) for part in (*folders, name)):
        raise UsageError(f"in the glob {glob!r}, ** must stand alone between slashes")
    text = "".join("(?:[^/]*/)*" if part == "**" else _component(part) + "/" for part in folders)
    if name != "**":
        text += _component(name)
    elif text.endswith("/"):
        text = text[:-1] + "(?:/.*)?"
    else:
        text += ".*"
    return re.compile(f"{text}/*", re.DOTALL)


def _component(part: str) -> str:
    text = ""
    characters = iter(part)
    for character in characters:
        if character == "*":
            text += "[^/]*"
        elif character == "?":
            text += "[^/]"
        elif character == "\\":
            text += re.escape(next(characters, "\\"))
        else:
            text += re.escape(character)
    return text


def fixed_prefix(glob: str) -> str:
    """Return what every match of a glob begins with."""
    return re.split(r"[*?\\]", glob, maxsplit=1)[0].rstrip("/")
