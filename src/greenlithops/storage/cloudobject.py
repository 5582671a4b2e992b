"""A handle on an object, small enough to be an argument or a result of a call."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CloudObject:
    """Names an object in a storage; made by `put_cloudobject`, taken by `get_cloudobject`.

    Attributes:
        backend: the storage's name.
        bucket: where the object is.
        key: its name there.
    """

    backend: str
    bucket: str
    key: str

    def __str__(self) -> str:
        return f"<CloudObject at {self.backend}://{self.bucket}/{self.key}>"
