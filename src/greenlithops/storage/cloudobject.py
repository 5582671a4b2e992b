"""A handle on an object, small enough to be an argument or a result of a call."""

from __future__ import annotations

import os
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
