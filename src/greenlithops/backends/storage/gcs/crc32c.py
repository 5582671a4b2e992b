"""CRC-32C, the checksum that Google Cloud Storage keeps of every object."""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING

import google_crc32c

from greenlithops.backends.storage.reading import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.objects import Buffer, Part

POLYNOMIAL = 0x82F63B78  #: Castagnoli's, reflected (RFC 3720)
BITS = 32


def checksum(data: Buffer) -> str:
    """Return the CRC-32C of bytes as the service writes it: big-endian, in base 64."""
    return _text(google_crc32c.value(bytes(data)))


class Crc32c:
    """Follows the bytes of an object.

    Args:
        expected: the CRC-32C that it was stored with.
    """

    def __init__(self, expected: str) -> None:
        self._expected = expected
        self._value = 0

    def take(self, piece: Buffer) -> None:
        """Take note of the next bytes."""
        self._value = google_crc32c.extend(self._value, bytes(piece))

    def wrong(self) -> str:
        """Return what is wrong with all that came; empty if nothing is."""
        found = _text(self._value)
        return difference("CRC-32C", found, self._expected)


def stored_check(headers: Mapping[str, str]) -> Crc32c | None:
    """Return what checks an object by the headers that it comes with."""
    for entry in headers.get("X-Goog-Hash", "").split(","):
        name, _, value = entry.strip().partition("=")
        if name == "crc32c":
            return Crc32c(value)
    return None


def joined(parts: Sequence[Part]) -> str:
    """Return the CRC-32C of the bytes of all parts, one after the other, from their own."""
    value = 0
    for part in parts:
        value = _times(_zeros(part.size), value) ^ _number(part.checksum)
    return _text(value)


def _text(value: int) -> str:
    return base64.b64encode(value.to_bytes(4, "big")).decode()


def _number(text: str) -> int:
    return int.from_bytes(base64.b64decode(text), "big")


# A CRC is linear: that of A followed by B is that of A after as many zeros as B has bytes, XOR
# that of B. What a number of zeros does is a matrix over GF(2): column n is what becomes of bit n.


@lru_cache(maxsize=8)
def _zeros(count: int) -> tuple[int, ...]:
    """Return what `count` bytes of zeros do to a CRC."""
    power = (POLYNOMIAL, *(1 << bit for bit in range(BITS - 1)))  # one bit of zeros
    for _ in range(3):
        power = _square(power)  # one byte
    result = tuple(1 << bit for bit in range(BITS))
    while count:
        if count & 1:
            result = tuple(_times(power, column) for column in result)
        power = _square(power)
        count >>= 1
    return result


def _square(matrix: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(_times(matrix, column) for column in matrix)


def _times(matrix: tuple[int, ...], vector: int) -> int:
    total = 0
    while vector:
        lowest = vector & -vector
        total ^= matrix[lowest.bit_length() - 1]
        vector ^= lowest
    return total
