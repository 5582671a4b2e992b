"""What fsspec is told of objects and directories; pure."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from greenlithops.filesystem.calls import Found
    from greenlithops.objects import ObjectInfo


def described(found: Found, bucket: str = "") -> dict[str, Any]:
    """Return what fsspec wants to know of an object or a directory."""
    if isinstance(found, str):
        return _directory(f"{bucket}/{found}".rstrip("/"))
    shown: dict[str, Any] = {
        "name": f"{found.bucket}/{found.key}",
        "size": found.size,
        "type": "file",
        "ETag": found.etag,
    }
    if found.modified is not None:
        shown["LastModified"] = dt.datetime.fromtimestamp(found.modified, dt.UTC)
        shown["mtime"] = found.modified
    if found.content_type is not None:
        shown["ContentType"] = found.content_type
    return shown


def above(info: ObjectInfo, top: str) -> dict[str, dict[str, Any]]:
    """Return the directories between a path and an object below it, with both ends."""
    name = f"{info.bucket}/{info.key}"
    folders = {}
    while (name := name.rpartition("/")[0]) and (name == top or name.startswith(f"{top}/")):
        folders[name] = _directory(name)
    return folders


def _directory(name: str) -> dict[str, Any]:
    return {"name": name, "size": 0, "type": "directory"}
