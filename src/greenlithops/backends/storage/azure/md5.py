"""MD5, the checksum that Azure checks of what it is sent and keeps of what was put at once."""

from __future__ import annotations

import base64
import hashlib
from typing import TYPE_CHECKING

from greenlithops.backends.storage.reading import difference
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.objects import Buffer

LARGE = 1 << 20  #: bytes from which on a hash is left to a thread


class Md5:
    """Follows the bytes of an object that was stored with its MD5."""

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._hash = hashlib.md5(usedforsecurity=False)

    def take(self, piece: Buffer) -> None:
        """Take note of the next bytes."""
        self._hash.update(piece)

    def wrong(self) -> str:
        """Return what is wrong with all that came; empty if nothing is."""
        found = base64.b64encode(self._hash.digest()).decode()
        return difference("MD5", found, self._expected)


def stored_check(headers: Mapping[str, str]) -> Md5 | None:
    """Return what checks an object by the headers that it comes with."""
    stored = headers.get("Content-MD5") or headers.get("x-ms-blob-content-md5")
    return Md5(stored) if stored else None


async def md5(body: Buffer) -> str:
    """Return the MD5 of bytes as ``Content-MD5`` has it."""

    def digest() -> str:
        return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()

    return digest() if len(body) < LARGE else await off_loop(digest)
