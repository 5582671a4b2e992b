"""A part of an object as it travels to the worker that reads it."""

from __future__ import annotations

from typing import NamedTuple

FILE, HTTP = "/", ":"  #: origins that are not storages


class Part(NamedTuple):
    """What a reader must know; it travels as a plain tuple, which is pickled in no time.

    Attributes:
        origin: `FILE`, `HTTP`, the storage's name among those that the function knows, or the
            storage, pickled.
        backend: the storage's name for users.
        bucket: where the object is; None for a URL.
        key: its name there; None for a URL.
        where: the path of a file, or the URL; None for other objects.
        start: where the part begins.
        stop: where it ends; None if not known.
        size: the object's bytes; None if not known.
        etag: which version it is; empty if there are none.
        number: the number of the part, from 1.
        total: how many parts the object has.
    """

    origin: str | bytes
    backend: str
    bucket: str | None
    key: str | None
    where: str | None
    start: int
    stop: int | None
    size: int | None
    etag: str
    number: int
    total: int

    @property
    def url(self) -> str | None:
        """The URL, if it has one."""
        return self.where if self.origin == HTTP else None

    @property
    def path(self) -> str | None:
        """The path of a file that is not in a storage."""
        return self.where if self.backend == "file" else None

    @property
    def name(self) -> str:
        """The object's name for people."""
        if self.backend in ("file", "http"):
            return str(self.where)
        return f"{self.backend}://{self.bucket}/{self.key}"
