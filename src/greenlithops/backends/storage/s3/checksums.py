"""Checksums that travel with bodies: CRCs, which cost nothing, and MD5, which all servers know."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING

from awscrt.checksums import crc32, crc32c, crc64nvme

from greenlithops.backends.storage.reading import difference
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.backends.storage.reading import Check
    from greenlithops.objects import Buffer

CRC32C = "x-amz-checksum-crc32c"
TYPE = "x-amz-checksum-type"
LARGE = 1 << 20  #: bytes from which on a slow hash is left to a thread
_MD5 = re.compile(r"[0-9a-f]{32}")
#: the checksums that S3 stores and that are cheap to follow: function, bytes
_STORED: dict[str, tuple[Callable[[Buffer, int], int], int]] = {
    CRC32C: (crc32c, 4),
    "x-amz-checksum-crc64nvme": (crc64nvme, 8),
    "x-amz-checksum-crc32": (crc32, 4),
}


def etag_of(headers: Mapping[str, str]) -> str:
    """Return the etag that comes with an answer, without quotes."""
    return headers.get("ETag", "").removeprefix("W/").strip('"')


def stored_check(headers: Mapping[str, str]) -> Check | None:
    """Return what checks the whole object that an answer brings; None if there is nothing.

    Its etag is the MD5 of its bytes where they came in one request.
    """
    if headers.get(TYPE) != "COMPOSITE":
        for header in _STORED:
            expected = headers.get(header)
            # With a number of parts it is a checksum of theirs, and says nothing of the bytes.
            if expected is not None and "-" not in expected:
                return _Crc(header, expected)
    etag = etag_of(headers)
    return _Md5(etag) if is_md5(headers, etag) else None


class _Crc:
    def __init__(self, header: str, expected: str) -> None:
        self._name = header.removeprefix("x-amz-checksum-")
        self._expected = expected
        self._function, self._bytes = _STORED[header]
        self._value = 0

    def take(self, piece: Buffer) -> None:
        self._value = self._function(piece, self._value)

    def wrong(self) -> str:
        found = _base64(self._value.to_bytes(self._bytes, "big"))
        return difference(self._name, found, self._expected)


class _Md5:
    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._hash = hashlib.md5(usedforsecurity=False)

    def take(self, piece: Buffer) -> None:
        self._hash.update(piece)

    def wrong(self) -> str:
        return difference("md5", self._hash.hexdigest(), self._expected)


def crc32c_text(data: Buffer) -> str:
    """Return the CRC-32C of bytes as S3 writes it."""
    return _base64(crc32c(data).to_bytes(4, "big"))


def is_md5(headers: Mapping[str, str], etag: str) -> bool:
    """Return whether an etag is the MD5 of an object's bytes."""
    # With some kinds of encryption it looks like one, and is none.
    plain = headers.get("x-amz-server-side-encryption", "AES256") == "AES256"
    own_key = "x-amz-server-side-encryption-customer-algorithm" in headers
    return plain and not own_key and _MD5.fullmatch(etag) is not None


async def sha256(data: Buffer) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    if len(data) < LARGE:
        return hashlib.sha256(data).hexdigest()
    return await off_loop(lambda: hashlib.sha256(data).hexdigest())


async def md5(data: Buffer) -> str:
    """Return the MD5 of bytes, in hexadecimal."""
    if len(data) < LARGE:
        return hashlib.md5(data, usedforsecurity=False).hexdigest()
    return await off_loop(lambda: hashlib.md5(data, usedforsecurity=False).hexdigest())


def content_md5(digest: str) -> str:
    """Return an MD5 as ``Content-MD5`` has it."""
    return _base64(bytes.fromhex(digest))


def _base64(value: bytes) -> str:
    return base64.b64encode(value).decode()
