"""How objects lie in Redis: the names of its keys, and what is kept of an object."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage.names import check_key
from greenlithops.errors import InvalidName
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.objects import PutOptions, Upload

PLAIN = "application/octet-stream"


def check_names(bucket: str, key: str) -> None:
    """Check the names of a bucket and an object. Raises `InvalidName`."""
    check_key(bucket, key)
    if "/" in bucket:
        raise InvalidName(f"a bucket's name has no slash: {bucket!r}", bucket=bucket)


def name_of(kind: str, bucket: str, key: str | None = None) -> bytes:
    """Return the name of a key of Redis."""
    end = "" if key is None else f"/{key}"
    return f"greenlithops/{kind}/{bucket}{end}".encode()


def object_names(bucket: str, key: str) -> list[bytes]:
    """Return the names of what is known of an object, and of its bytes."""
    return [name_of("info", bucket, key), name_of("data", bucket, key)]


def part_name(upload: Upload, number: int) -> bytes:
    """Return the name of a part."""
    return name_of("part", upload.bucket, f"{upload.id}/{number}")


def written(options: PutOptions, etag: str) -> list[Any]:
    """Return what the scripts that write an object are told of it."""
    return [
        int(options.if_absent),
        options.if_match or "",
        etag,
        (options.content_type or PLAIN).encode(),
        json.dumps(dict(options.metadata)),
    ]


def info_of(bucket: str, key: str, found: Sequence[bytes]) -> ObjectInfo:
    """Return what is known of an object."""
    size, etag, modified, kind, metadata = found[:5]
    return ObjectInfo(
        bucket,
        key,
        int(size),
        etag.decode(),
        float(modified),
        kind.decode(),
        json.loads(metadata),
    )
