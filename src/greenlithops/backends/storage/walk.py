"""Listing the files of a bucket in the order of their keys, a page at a time."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from greenlithops.backends.storage.names import common_prefix, past
from greenlithops.backends.storage.paths import SIDECAR, step_back
from greenlithops.objects import ListQuery, ObjectInfo, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PAGE = 10_000


def page(
    folder: str,
    query: ListQuery,
    token: str | None,
    info: Callable[[str, os.stat_result], ObjectInfo],
) -> Page:
    """Return the entries after `token`; their number is bounded."""
    objects: list[ObjectInfo] = []
    prefixes: list[str] = []
    after = max(query.start_after, token or "", key=str.encode)
    last = ""
    for key, entry in keys(folder, "", query.prefix, after):
        rolled = common_prefix(key, query)
        if rolled is not None and prefixes and prefixes[-1] == rolled:
            continue
        if len(objects) + len(prefixes) == PAGE:
            return Page(objects, prefixes, last)
        if rolled is not None:
            prefixes.append(rolled)
            last = past(rolled)
            continue
        try:
            status = entry.stat()
        except FileNotFoundError:
            continue  # it was deleted meanwhile
        objects.append(info(key, status))
        last = key
    return Page(objects, prefixes)


def keys(
    folder: str, before: str, prefix: str, after: str
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Give the keys below a folder, in order, that have a prefix and come after another key.

    Folders in which there can be none are not looked into.
    """
    steps = sorted(_steps(folder, before, prefix, after), key=lambda step: step[0].encode())
    for text, entry in steps:
        if step_back(entry.name)[1]:
            yield from keys(entry.path, text, prefix, after)
        else:
            yield text, entry


def _steps(
    folder: str, before: str, prefix: str, after: str
) -> Iterator[tuple[str, os.DirEntry[str]]]:
    """Give what is wanted of a folder, in any order: keys and folders.

    What a part of a key goes on in because it is too long for one name belongs to the folder
    itself: its keys may come before and after those beside it.
    """
    mark = after.encode()
    try:
        with os.scandir(folder) as found:
            entries = [entry for entry in found if not entry.name.endswith(SIDECAR)]
    except FileNotFoundError:
        return  # it was deleted meanwhile
    for entry in entries:
        step, is_folder = step_back(entry.name)
        text = before + step
        if not is_folder:
            if text.startswith(prefix) and text.encode() > mark:
                yield text, entry
        elif (text.startswith(prefix) or prefix.startswith(text)) and not (
            text.encode() < mark[: len(text.encode())]
        ):
            if step.endswith("/"):
                yield text, entry
            else:
                yield from _steps(entry.path, text, prefix, after)
