"""What is known of an object, as the headers of answers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.storage.s3.checksums import etag_of
from greenlithops.backends.storage.web import http_moment
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = "x-amz-meta-"


def info_of(bucket: str, key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what an answer's headers tell of an object."""
    metadata = {
        name[len(METADATA) :].lower(): value
        for name, value in headers.items()
        if name[: len(METADATA)].lower() == METADATA
    }
    return ObjectInfo(
        bucket,
        key,
        size,
        etag_of(headers),
        http_moment(headers.get("Last-Modified")),
        headers.get("Content-Type"),
        metadata,
    )
