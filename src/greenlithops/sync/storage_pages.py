"""Listings part by part, as boto3's paginators give them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.errors import NotSupported, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Listing = Callable[..., dict[str, Any]]

_ENTRIES = ("Contents", "CommonPrefixes")


class Paginator:
    """What `StorageClient.get_paginator` gives.

    Args:
        listing: returns a part of a listing, as ``list_objects_v2`` does.
    """

    def __init__(self, listing: Listing) -> None:
        self._listing = listing

    def paginate(self, PaginationConfig: Mapping[str, Any] | None = None, **wanted: Any) -> Pages:  # noqa: N803 - boto3's name
        """Return the parts of a listing, to iterate over.

        Args:
            PaginationConfig: ``MaxItems``, how many entries at most; ``PageSize``, how many in
                each part; ``StartingToken``, the `Pages.resume_token` to go on from.
            wanted: as for ``list_objects_v2``.

        Raises:
            UsageError: `PaginationConfig` has something else, or no numbers.
        """
        config = dict(PaginationConfig or {})
        most, size = config.pop("MaxItems", None), config.pop("PageSize", None)
        token = config.pop("StartingToken", None)
        if config:
            raise UsageError(
                f"PaginationConfig has {sorted(config)}; there are 'MaxItems', 'PageSize' and "
                "'StartingToken'"
            )
        try:
            most = None if most is None else int(most)
            size = None if size is None else int(size)
        except (TypeError, ValueError):
            raise UsageError("MaxItems and PageSize of PaginationConfig are numbers") from None
        if size is not None:
            wanted["MaxKeys"] = size
        if token is not None:
            wanted["ContinuationToken"] = token
        return Pages(self._listing, wanted, most)


class Pages:
    """Parts of a listing.

    Attributes:
        resume_token: where to go on, if ``MaxItems`` ended the listing; else None.
    """

    def __init__(self, listing: Listing, wanted: Mapping[str, Any], most: int | None) -> None:
        self.resume_token: str | None = None
        self._listing = listing
        self._wanted = wanted
        self._most = most

    def __iter__(self) -> Iterator[dict[str, Any]]:
        wanted, left, self.resume_token = dict(self._wanted), self._most, None
        while left is None or left > 0:
            if left is not None:
                wanted["MaxKeys"] = min(wanted.get("MaxKeys", left), left)
            page = self._listing(**wanted)
            if left is not None:
                left -= page["KeyCount"]
            yield page
            if not page["IsTruncated"]:
                return
            wanted["ContinuationToken"] = page["NextContinuationToken"]
        self.resume_token = wanted.get("ContinuationToken")

    def build_full_result(self) -> dict[str, Any]:
        """Return all entries as one part, with ``NextToken`` if there are more."""
        whole: dict[str, Any] = {}
        for page in self:
            for name in _ENTRIES:
                if name in page:
                    whole.setdefault(name, []).extend(page[name])
        return {**whole, "NextToken": self.resume_token} if self.resume_token else whole

    def search(self, expression: str) -> Iterator[Any]:
        """Give what a JMESPath expression finds in each part, as ``Contents[].Key``."""
        try:
            import jmespath  # type: ignore[import-untyped]  # noqa: PLC0415 - boto3's; it has no types
        except ImportError as error:
            raise NotSupported("searching needs the package jmespath") from error
        compiled = jmespath.compile(expression)
        for page in self:
            found = compiled.search(page)
            if isinstance(found, list):
                yield from found
            else:
                yield found
