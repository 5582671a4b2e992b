"""What is written with an object, and what is known of one, as the service writes it."""

from __future__ import annotations

import json
import secrets
from datetime import datetime
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage.connections import where
from greenlithops.backends.storage.web import http_moment
from greenlithops.errors import PreconditionFailed, StorageUnavailable
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.objects import Buffer, PutOptions

PLAIN = "application/octet-stream"
METADATA = "x-goog-meta-"
FIELDS = "name,size,generation,updated,contentType,metadata,crc32c"  #: asked for of an object


def resource(options: PutOptions) -> dict[str, Any]:
    """Return what an object is to be written with."""
    return {"contentType": options.content_type or PLAIN, "metadata": dict(options.metadata)}


def with_resource(found: Mapping[str, Any], body: Buffer) -> tuple[str, bytes]:
    """Return type and content of a request that has a resource and an object's bytes."""
    boundary = secrets.token_hex(16)  # which no object has in it, not even such a request
    content = b"".join(
        (
            f"--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n".encode(),
            json.dumps(found).encode(),
            f"\r\n--{boundary}\r\nContent-Type: {found['contentType']}\r\n\r\n".encode(),
            body,
            f"\r\n--{boundary}--".encode(),
        )
    )
    return f"multipart/related; boundary={boundary}", content


def condition(options: PutOptions, bucket: str, key: str) -> dict[str, str]:
    """Return the parameters of a conditional write."""
    if options.if_absent:
        return {"ifGenerationMatch": "0"}
    if options.if_match:
        return {"ifGenerationMatch": generation_of(options.if_match, bucket, key)}
    return {}


def generation_of(etag: str, bucket: str, key: str) -> str:
    """Return an etag that can be one of this storage's."""
    if not etag.isdecimal():
        raise changed(bucket, key)
    return etag


def changed(bucket: str, key: str) -> PreconditionFailed:
    """Return the error for an object that is not the one that was expected."""
    return PreconditionFailed(f"{where(bucket, key)} is another one by now", bucket=bucket, key=key)


def parsed(answer: bytes) -> Any:
    """Return an answer's JSON; an empty one is an empty object.

    Raises:
        StorageUnavailable: it is no JSON, or was cut short.
    """
    try:
        return json.loads(answer) if answer else {}
    except ValueError as error:
        raise StorageUnavailable(f"the storage's answer cannot be read: {error}") from error


def info_of(bucket: str, found: Mapping[str, Any]) -> ObjectInfo:
    """Return what a resource tells of an object."""
    updated = found.get("updated")
    return ObjectInfo(
        bucket,
        found["name"],
        int(found.get("size", 0)),
        str(found["generation"]),
        datetime.fromisoformat(updated).timestamp() if updated else None,
        found.get("contentType"),
        found.get("metadata") or {},
    )


def info_of_media(bucket: str, key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what the headers tell that come with its bytes."""
    metadata = {
        name[len(METADATA) :].lower(): value
        for name, value in headers.items()
        if name.lower().startswith(METADATA)
    }
    return ObjectInfo(
        bucket,
        key,
        size,
        headers.get("X-Goog-Generation", ""),
        http_moment(headers.get("Last-Modified")),
        headers.get("Content-Type"),
        metadata,
    )
