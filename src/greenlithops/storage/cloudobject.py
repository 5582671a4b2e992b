"""A handle on an object, small enough to be an argument or a result of a call."""

from __future__ import annotations

import os
from contextvars import ContextVar
from dataclasses import dataclass

_TEMPORARY = "greenlithops.tmp"
#: where `put_cloudobject` puts what is given no key
FOLDER: ContextVar[str] = ContextVar("folder of cloud objects", default=_TEMPORARY)


def folder_of(job_key: str) -> str:
    """Return the folder of what a job's calls put without a key."""
    return f"{_TEMPORARY}/{job_key}"


def new_key() -> str:
    """Return a key that nobody else has."""
    return f"{FOLDER.get()}/{os.urandom(12).hex()}"


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


@dataclass(frozen=True, slots=True)
class CloudObjectUrl:
    """Names an object by its URL.

    Attributes:
        url: ``http://…`` or ``https://…``.
    """

    url: str

    def __str__(self) -> str:
        return f"<CloudObject at {self.url}>"


@dataclass(frozen=True, slots=True)
class CloudObjectLocal:
    """Names a file of this machine.

    Attributes:
        path: the file.
    """

    path: str

    @property
    def bucket(self) -> str:
        """The file's folder."""
        return os.path.dirname(self.path)  # noqa: PTH120 - text, as the path is

    @property
    def key(self) -> str:
        """The file's name in its folder."""
        return os.path.basename(self.path)  # noqa: PTH119 - see above

    def __str__(self) -> str:
        return f"<CloudObject at {self.path}>"
