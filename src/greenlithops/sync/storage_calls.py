"""Arguments and results of Lithops' storage calls, between its words and those of AsyncStorage."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from greenlithops.errors import InvalidRange, PreconditionFailed, UsageError
from greenlithops.objects import ObjectInfo, Span
from greenlithops.sync.globs import fixed_prefix, glob_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.cloudobject import CloudObject

PIECE_BYTES = 1 << 20  #: of a stream
_RANGE = re.compile(r"\s*bytes\s*=\s*(\d*)\s*-\s*(\d*)\s*")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which bytes of which version of an object are asked for."""

    start: int | None
    stop: int | None
    if_match: str | None


def get_arguments(extra: Mapping[str, Any]) -> Wanted:
    """Return what ``extra_get_args`` ask for.

    Raises:
        UsageError: they ask for something else than a range or a version.
    """
    unknown = set(extra) - {"Range", "IfMatch"}
    if unknown:
        raise UsageError(
            f"extra_get_args has {sorted(unknown)}; there are 'Range', such as 'bytes=0-99', "
            "and 'IfMatch'"
        )
    start, stop = _bounds(extra["Range"]) if extra.get("Range") else (None, None)
    etag = extra.get("IfMatch")
    return Wanted(start, stop, etag.strip('"') if etag else None)


def _bounds(text: str) -> tuple[int, int | None]:
    match = _RANGE.fullmatch(text)
    if match is None or match.groups() == ("", ""):
        raise UsageError(f"a range is 'bytes=0-99', 'bytes=100-' or 'bytes=-100', not {text!r}")
    first, last = match.groups()
    if not first:
        if not int(last):
            raise InvalidRange(f"the range {text!r} has no bytes")
        return -int(last), None
    if last and int(last) < int(first):
        raise UsageError(f"the range {text!r} ends before it begins")
    return int(first), int(last) + 1 if last else None


def checked_span(wanted: Wanted, info: ObjectInfo) -> tuple[int, int]:
    """Return where the bytes asked for begin and end in an object.

    Raises:
        InvalidRange: there are none.
        PreconditionFailed: it is another version.
    """
    if wanted.if_match is not None and wanted.if_match != info.etag:
        raise PreconditionFailed(
            f"{info.key} has the etag {info.etag!r}, not {wanted.if_match!r}",
            bucket=info.bucket,
            key=info.key,
        )
    if wanted.start is None and wanted.stop is None:
        return 0, info.size
    bounds = Span(wanted.start or 0, wanted.stop).within(info.size)
    if bounds is None:
        raise InvalidRange(
            f"{info.key} has {info.size} bytes, none of them in the range",
            bucket=info.bucket,
            key=info.key,
        )
    return bounds


def put_arguments(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of `AsyncStorage.put` that boto3's ``ExtraArgs`` stand for.

    Raises:
        UsageError: there is no such option here.
    """
    names = {"ContentType": "content_type", "Metadata": "metadata"}
    unknown = set(extra) - set(names)
    if unknown:
        raise UsageError(f"extra_args has {sorted(unknown)}; there are {sorted(names)}")
    return {names[name]: value for name, value in extra.items()}


async def listed(
    storage: AsyncStorage, bucket: str, prefix: str, glob: str | None
) -> list[ObjectInfo]:
    """Return the objects whose keys begin with a prefix and match a glob."""
    pattern = None if glob is None else glob_pattern(glob)
    if glob is not None and not prefix:
        prefix = fixed_prefix(glob)
    found = []
    async for info in storage.list(bucket, prefix):
        assert isinstance(info, ObjectInfo)  # noqa: S101 - without a delimiter there is nothing else
        if pattern is None or pattern.fullmatch(info.key):
            found.append(info)
    # Servers that keep objects as files list a folder before what its name is the beginning of.
    found.sort(key=lambda info: info.key.encode())
    return found


def entry(info: ObjectInfo) -> dict[str, Any]:
    """Return an object as S3's listings show it."""
    shown: dict[str, Any] = {"Key": info.key, "Size": info.size, "ETag": f'"{info.etag}"'}
    if info.modified is not None:
        shown["LastModified"] = dt.datetime.fromtimestamp(info.modified, dt.UTC)
    return shown


def renamed(cloudobject: CloudObject, backend: str) -> CloudObject:
    """Return a handle that calls its storage by another of its names."""
    if cloudobject.backend == backend:
        return cloudobject
    return replace(cloudobject, backend=backend)
