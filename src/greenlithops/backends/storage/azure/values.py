"""What is written with a blob, and what is known of one, as headers have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.storage.azure.names import metadata_headers, metadata_of
from greenlithops.backends.storage.web import http_moment
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.objects import PutOptions

PLAIN = "application/octet-stream"


def written(options: PutOptions) -> dict[str, str]:
    """Return the headers with which an object is described."""
    return {
        "x-ms-blob-content-type": options.content_type or PLAIN,
        **metadata_headers(options.metadata),
    }


def conditions(options: PutOptions) -> dict[str, str]:
    """Return the headers that say under which conditions an object is written."""
    if options.if_absent:
        return {"if-none-match": "*"}
    return {"if-match": f'"{options.if_match}"'} if options.if_match else {}


def info_of(bucket: str, key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what an answer's headers tell of an object."""
    return ObjectInfo(
        bucket,
        key,
        size,
        headers.get("ETag", "").strip('"'),
        http_moment(headers.get("Last-Modified")),
        headers.get("Content-Type"),
        metadata_of(headers),
    )


def put_info(
    bucket: str, key: str, size: int, headers: Mapping[str, str], options: PutOptions
) -> ObjectInfo:
    """Return what is known of an object that has been written."""
    etag, moment = headers.get("ETag", "").strip('"'), http_moment(headers.get("Last-Modified"))
    kind = options.content_type or PLAIN
    return ObjectInfo(bucket, key, size, etag, moment, kind, options.metadata)
