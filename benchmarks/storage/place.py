"""Where the objects of a benchmark are, and which there are."""

from __future__ import annotations

from dataclasses import dataclass

SMALL_BYTES = 4 << 10
SMALL_OBJECTS = 500
LISTED_OBJECTS = 10_000
LARGE_BYTES = 8 << 20
LARGE_OBJECTS = 64


@dataclass(frozen=True)
class Place:
    """A bucket on a server that speaks S3."""

    endpoint: str
    user: str
    secret: str
    bucket: str
    region: str = "us-east-1"
