"""What Azure can have as names, of blobs and of metadata."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlithops.backends.storage.names import check_key
from greenlithops.errors import InvalidName, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

METADATA = "x-ms-meta-"
_AMBIGUOUS = re.compile("-[-_]|_-")
_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f\\]")


def check_blob(bucket: str, key: str) -> None:
    """Check that a name can be the one of a blob, and stays what it is.

    Raises:
        InvalidName: it has control characters; or a backslash, or a dot at the end of a step
            between slashes, which the service would store under another name.
    """
    check_key(bucket, key)
    if _UNWRITABLE.search(key) or any(step.endswith(".") for step in key.split("/")):
        raise InvalidName(
            f"Azure has no names with control characters, backslashes, or dots at the end of a "
            f"step between slashes: {key!r}",
            bucket=bucket,
            key=key,
        )


def metadata_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return metadata as headers: Azure's names are identifiers.

    So hyphens become underscores, and underscores two of them.

    Raises:
        UsageError: a name has a hyphen beside another one or beside an underscore, which could
            not be told apart then.
    """
    for name in metadata:
        if _AMBIGUOUS.search(name):
            raise UsageError(f"on Azure, hyphens in names of metadata stand alone, unlike {name!r}")
    return {METADATA + _identifier(name): value for name, value in metadata.items()}


def metadata_of(headers: Mapping[str, str]) -> Mapping[str, str]:
    """Return the metadata that an answer's headers have."""
    return {
        _plain(name[len(METADATA) :].lower()): value
        for name, value in headers.items()
        if name[: len(METADATA)].lower() == METADATA
    }


def _identifier(name: str) -> str:
    text = name.replace("_", "__").replace("-", "_")
    return f"__{text}" if text[:1].isdigit() else text


def _plain(name: str) -> str:
    text = name[2:] if name.startswith("__") and name[2:3].isdigit() else name
    return text.replace("__", "\0").replace("_", "-").replace("\0", "_")
