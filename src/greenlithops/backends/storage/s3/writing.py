"""What goes with a body that is written, and how the answer shows that it arrived whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.storage.s3.checksums import (
    CRC32C,
    content_md5,
    crc32c_text,
    etag_of,
    is_md5,
    md5,
)
from greenlithops.errors import ChecksumMismatch, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.backends.storage.s3.options import Checksum, Options
    from greenlithops.objects import Buffer, PutOptions

OCTETS = "application/octet-stream"


def object_headers(put: PutOptions, options: Options) -> dict[str, str]:
    """Return the headers that say what an object is.

    Raises:
        UsageError: the metadata cannot be headers.
    """
    headers = {"content-type": put.content_type or OCTETS}
    for name, value in put.metadata.items():
        if not (name.isascii() and value.isascii() and value.isprintable()):
            raise UsageError(f"metadata is printable ASCII, unlike {name!r}: {value!r}")
        if options.as_ceph and "_" in name:
            raise UsageError(f"Ceph would store the metadata {name!r} with hyphens in its name")
        headers[f"x-amz-meta-{name.lower()}"] = value
    return headers


async def with_checksum(
    headers: dict[str, str], body: Buffer, kind: Checksum
) -> tuple[dict[str, str], str]:
    """Return the headers with the checksum of a body, and the CRC-32C if it is one."""
    if kind == "md5":
        return {**headers, "content-md5": content_md5(await md5(body))}, ""
    checksum = crc32c_text(body)
    return {**headers, CRC32C: checksum}, checksum


async def verified(
    headers: Mapping[str, str], body: Buffer, checksum: str, bucket: str, key: str
) -> tuple[str, bool]:
    """Return the etag of an answer to a body, and whether its CRC-32C was checked.

    A server that knows the checksum says so. Any other one is held to the MD5 in its etag.

    Raises:
        ChecksumMismatch: the server has something else.
    """
    etag = etag_of(headers)
    echoed = headers.get(CRC32C)
    if not checksum or echoed == checksum:
        return etag, echoed is not None
    if echoed is not None or (is_md5(headers, etag) and etag != await md5(body)):
        raise ChecksumMismatch(
            f"{bucket}/{key}: the storage has something else than was sent", bucket=bucket, key=key
        )
    return etag, False
