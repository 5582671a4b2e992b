"""What is kept beside an object's file, its media type and metadata, by the file's version.

The object and the file beside it cannot be replaced at once. So the latter comes first, and keeps
what belongs to the version before: whoever reads meanwhile finds what is the one's that he read.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from greenlithops.errors import StorageError

if TYPE_CHECKING:
    from greenlithops.objects import PutOptions


def of_options(options: PutOptions) -> dict[str, Any]:
    """Return what is kept of an object that is written with these options."""
    properties: dict[str, Any] = {}
    if options.content_type:
        properties["content_type"] = options.content_type
    if options.metadata:
        properties["metadata"] = dict(options.metadata)
    return properties


def to_keep(path: str, version: str, properties: dict[str, Any]) -> bytes:
    """Return the content that a file of properties gets, when those of a version are added."""
    try:
        latest = _content(path)
    except StorageError:  # damaged: it is replaced
        latest = {}
    latest.pop("before", None)
    return json.dumps({"of": version, **properties, "before": latest}).encode()


def of_version(path: str, version: str) -> dict[str, Any] | None:
    """Return what a file keeps of a version of its object; None if it does not know that one."""
    latest = _content(path)
    for known in (latest, latest.get("before", {})):
        if known.get("of") == version:
            return known
    return None


def _content(path: str) -> dict[str, Any]:
    try:
        with open(path, "rb") as file:
            content: dict[str, Any] = json.loads(file.read() or b"{}")
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise StorageError(f"{path} was damaged: {error}") from error
    return content
