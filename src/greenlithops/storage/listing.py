"""Listings, page by page, as one stream of entries in order."""

from __future__ import annotations

import fnmatch
from contextlib import aclosing
from dataclasses import replace
from typing import TYPE_CHECKING

from greenlithops.errors import StorageError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from greenlithops.objects import ListQuery, ObjectInfo, Page
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
    rolled: set[str] = set()
    async with aclosing(_pages(operations, bucket, query)) as pages:
        async for page in pages:
            for name, entry in _entries(page, query, rolled):
                # Some servers give a common prefix again that comes before it, for what is below.
                if name.encode() > after and (match is None or fnmatch.fnmatchcase(name, match)):
                    yield entry


async def _pages(operations: Operations, bucket: str, query: ListQuery) -> AsyncGenerator[Page]:
    token: str | None = None
    while True:
        page = await operations.list_page(bucket, query, token)
        yield page
        if page.token is None:
            return
        if page.token == token:
            raise StorageError("the storage gives a part of a listing again", bucket=bucket)
        token = page.token


def literal_prefix(glob: str) -> str:
    """Return what every match of a glob begins with."""
    for position, character in enumerate(glob):
        if character in "*?[":
            return glob[:position]
    return glob


def _entries(page: Page, query: ListQuery, rolled: set[str]) -> list[tuple[str, ObjectInfo | str]]:
    """Return the entries of a page in order, with their names.

    Servers that keep objects as files roll up nothing in the folder in which a listing starts;
    the common prefixes that are made here instead are kept in `rolled`, and given once.
    """
    if not query.delimiter:
        return [(info.key, info) for info in page.objects]
    found: dict[str, ObjectInfo | str] = {}
    made = set()
    entries: list[ObjectInfo | str] = [*page.objects, *page.prefixes]
    for entry in entries:
        key = entry if isinstance(entry, str) else entry.key
        step, end, _ = key[len(query.prefix) :].partition(query.delimiter)
        name = query.prefix + step + end
        if end and entry != name:
            made.add(name)
        if name not in rolled:
            found[name] = name if end else entry
    rolled |= made
    return sorted(found.items(), key=lambda named: named[0].encode())
