"""Listings, page by page, as one stream of entries in order."""

from __future__ import annotations

import fnmatch
from dataclasses import replace
from typing import TYPE_CHECKING

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

    from greenlithops.objects import ListQuery, ObjectInfo
    from greenlithops.storage.operations import Operations


async def listing(
    operations: Operations, bucket: str, query: ListQuery, match: str | None
) -> AsyncGenerator[ObjectInfo | str]:
    """Give objects and common prefixes, those that match a glob if there is one."""
    for text in (query.prefix, query.delimiter, query.start_after, match or ""):
        if not isinstance(text, str):
            raise UsageError(f"what is listed is said in text, not by {text!r}")
    if match is not None and not query.prefix:
        query = replace(query, prefix=literal_prefix(match))
    after = query.start_after.encode()
    if not query.start_after.startswith(query.prefix):  # which some servers refuse
        if after > query.prefix.encode():
            return
        query = replace(query, start_after="")
    token: str | None = None
    while True:
        page = await operations.list_page(bucket, query, token)
        for entry in _merged(page.objects, page.prefixes):
            name = entry if isinstance(entry, str) else entry.key
            # Some servers give a common prefix again that comes before it, for what is below.
            if name.encode() > after and (match is None or fnmatch.fnmatchcase(name, match)):
                yield entry
        token = page.token
        if token is None:
            return


def literal_prefix(glob: str) -> str:
    """Return what every match of a glob begins with."""
    for position, character in enumerate(glob):
        if character in "*?[":
            return glob[:position]
    return glob


def _merged(objects: Iterable[ObjectInfo], prefixes: Iterable[str]) -> list[ObjectInfo | str]:
    entries: list[ObjectInfo | str] = [*objects, *prefixes]
    if prefixes:
        entries.sort(key=lambda entry: (entry if isinstance(entry, str) else entry.key).encode())
    return entries
