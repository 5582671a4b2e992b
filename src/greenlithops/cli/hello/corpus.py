"""Finds the Python files to read, and shares them out evenly."""

from __future__ import annotations

import os
import sysconfig
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

GROUP_BYTES = 2_000_000  #: the most text for one call: a few tenths of a second of work
LEAST_GROUP_BYTES = 50_000  #: less is not worth a call
GROUPS_FOR_EACH = 4  #: how many groups every worker gets at least, so that none waits for another


class Source(NamedTuple):
    """A file and its size in bytes."""

    path: str
    size: int


def installation() -> list[str]:
    """Return the folders that the running Python imports from: its library and its packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return _outermost(
        path
        for name in names
        if os.path.isdir(path := sysconfig.get_path(name))  # noqa: PTH112 - fast import
    )


def _outermost(folders: Iterable[str]) -> list[str]:
    """Drop the folders that are inside of others."""
    kept: list[str] = []
    for folder in sorted({os.path.realpath(folder) for folder in folders}):
        if not any(folder.startswith(outer.rstrip(os.sep) + os.sep) for outer in kept):
            kept.append(folder)
    return kept


def python_files(folders: Iterable[str], *, imported: bool = False) -> Iterator[Source]:
    """Give every regular ``.py`` file below the folders; what cannot be listed is passed over.

    Links to folders are not followed, so that no file comes twice.

    Args:
        folders: where to look.
        imported: leave out packages that the running Python does not import: those of its base,
            in a virtual environment.
    """
    waiting = list(folders)
    packages = os.path.realpath(sysconfig.get_path("purelib"))
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        foreign = (
                            imported and entry.name == "site-packages" and entry.path != packages
                        )
                        if entry.name != "__pycache__" and not foreign:
                            waiting.append(entry.path)
                    elif entry.name.endswith(".py") and entry.is_file():
                        yield Source(entry.path, entry.stat().st_size)
        except OSError:
            continue  # a folder that may not be read, or that has just gone


def grouped(sources: Iterable[Source], workers: int) -> list[list[str]]:
    """Share files out into groups of about the same size, those with the largest files first.

    What comes last is then small, so that the workers end at about the same time.
    """
    ordered = sorted(sources, key=lambda source: (-source.size, source.path))
    share = sum(source.size for source in ordered) // (GROUPS_FOR_EACH * workers)
    group_bytes = min(max(share, LEAST_GROUP_BYTES), GROUP_BYTES)
    groups: list[list[str]] = []
    room = 0
    for source in ordered:
        if not groups or source.size > room:
            groups.append([])
            room = group_bytes
        groups[-1].append(source.path)
        room -= source.size
    return groups
