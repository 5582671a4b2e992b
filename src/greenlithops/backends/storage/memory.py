"""Storage in this process's memory: for tests, and for what does not have to outlive a program."""

from __future__ import annotations

import bisect
import hashlib
import os
import secrets
import threading
import time
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, Self

from greenlithops.backends.storage.names import check_bucket, check_key, common_prefix, past
from greenlithops.errors import (
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    NoSuchUpload,
    NotSupported,
    PreconditionFailed,
    StorageError,
)
from greenlithops.objects import ObjectInfo, Page, Part, PutOptions, StorageLimits, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from greenlithops.objects import Buffer, ListQuery, Span

PAGE = 1_000
CHUNK = 1 << 20


@dataclass(slots=True)
class _Bucket:
    objects: dict[str, tuple[ObjectInfo, bytes]] = field(default_factory=dict)
    order: list[bytes] = field(default_factory=list)  #: the keys' bytes, sorted


@dataclass(slots=True)
class _Pending:
    upload: Upload
    parts: dict[int, bytes] = field(default_factory=dict)


class MemoryStorage:
    """Objects in a dictionary.

    Args:
        name: storages of the same name in one process share their objects, also those in other
            threads. Workers in other processes do not see them.
    """

    name = "memory"
    scheme = "memory"
    limits = StorageLimits(min_part=1)

    def __init__(self, name: str = "default") -> None:
        self._buckets, self._uploads = _stores.setdefault(name, ({}, {}))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep everything: the objects belong to the process."""

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket."""
        check_bucket(bucket)
        self._buckets.setdefault(bucket, _Bucket())

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket is there."""
        self._bucket(bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        with _lock:
            if self._bucket(bucket).objects:
                raise StorageError(f"the bucket {bucket} is not empty", bucket=bucket)
            del self._buckets[bucket]

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        return self._put(bucket, key, bytes(body), options)

    def _put(self, bucket: str, key: str, data: bytes, options: PutOptions) -> ObjectInfo:
        check_key(bucket, key)
        info = ObjectInfo(
            bucket,
            key,
            len(data),
            hashlib.md5(data, usedforsecurity=False).hexdigest(),
            time.time(),
            options.content_type or "application/octet-stream",
            dict(options.metadata),
        )
        with _lock:
            place = self._bucket(bucket)
            before = place.objects.get(key)
            if options.if_absent and before is not None:
                raise PreconditionFailed(f"{key} is there already", bucket=bucket, key=key)
            if options.if_match and (before is None or before[0].etag != options.if_match):
                raise PreconditionFailed(f"{key} is another one by now", bucket=bucket, key=key)
            if before is None:
                bisect.insort(place.order, key.encode())
            place.objects[key] = (info, data)
        return info

    @asynccontextmanager
    async def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AsyncIterator[_Body]:
        """Read an object."""
        info, data = self._object(bucket, key)
        if if_match is not None and info.etag != if_match:
            raise PreconditionFailed(f"{key} is another one by now", bucket=bucket, key=key)
        bounds = (0, info.size) if span is None else span.within(info.size)
        if bounds is None:
            raise InvalidRange(
                f"{key} has {info.size} bytes, none of them in {span}", bucket=bucket, key=key
            )
        yield _Body(info, *bounds, data)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        return self._object(bucket, key)[0]

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return a thousand entries; the token is the last of them."""
        with _lock:
            return self._page(self._bucket(bucket), query, token)

    @staticmethod
    def _page(place: _Bucket, query: ListQuery, token: str | None) -> Page:
        after = max(query.start_after.encode(), (token or "").encode())
        prefix = query.prefix.encode()
        position = max(
            bisect.bisect_right(place.order, after), bisect.bisect_left(place.order, prefix)
        )
        objects: list[ObjectInfo] = []
        prefixes: list[str] = []
        last = ""
        while position < len(place.order) and place.order[position].startswith(prefix):
            key = place.order[position].decode()
            rolled = common_prefix(key, query)
            if len(objects) + len(prefixes) == PAGE:
                return Page(objects, prefixes, last)
            if rolled is None:
                info = place.objects[key][0]
                objects.append(replace(info, content_type=None, metadata={}))
                last = key
                position += 1
            else:
                prefixes.append(rolled)
                last = past(rolled)
                position = bisect.bisect_right(place.order, last.encode())
        return Page(objects, prefixes)

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects."""
        for key in keys:
            check_key(bucket, key)
        with _lock:
            place = self._bucket(bucket)
            for key in keys:
                if place.objects.pop(key, None) is not None:
                    del place.order[bisect.bisect_left(place.order, key.encode())]
        return {}

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object."""
        info, data = self._object(source.bucket, source.key)
        if info.etag != source.etag:
            raise PreconditionFailed(f"{source.key} is another one by now", bucket=source.bucket)
        return self._put(bucket, key, data, PutOptions(info.content_type, info.metadata))

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Refuse: nobody else can reach this memory."""
        raise NotSupported("storage in memory has no URLs")

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that comes in parts."""
        check_key(bucket, key)
        self._bucket(bucket)
        upload = Upload(bucket, key, secrets.token_hex(16))
        self._uploads[upload.id] = _Pending(upload)
        return upload

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Keep a part."""
        self._pending(upload).parts[number] = bytes(body)
        return Part(number, str(number), len(body))

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that are here."""
        parts = self._pending(upload).parts
        return [Part(number, str(number), len(parts[number])) for number in sorted(parts)]

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts."""
        have = self._pending(upload).parts
        data = b"".join(have[part.number] for part in parts)
        info = self._put(upload.bucket, upload.key, data, options)
        del self._uploads[upload.id]
        return info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts."""
        self._uploads.pop(upload.id, None)

    def _bucket(self, bucket: str) -> _Bucket:
        try:
            return self._buckets[bucket]
        except KeyError:
            raise NoSuchBucket(f"there is no bucket {bucket!r}", bucket=bucket) from None

    def _object(self, bucket: str, key: str) -> tuple[ObjectInfo, bytes]:
        try:
            return self._bucket(bucket).objects[key]
        except KeyError:
            raise NoSuchKey(f"{bucket} has no object {key!r}", bucket=bucket, key=key) from None

    def _pending(self, upload: Upload) -> _Pending:
        try:
            return self._uploads[upload.id]
        except KeyError:
            raise NoSuchUpload(bucket=upload.bucket, key=upload.key) from None


_stores: dict[str, tuple[dict[str, _Bucket], dict[str, _Pending]]] = {}
_lock = threading.Lock()  #: held for what is looked at and then changed; never while waiting


def _forget() -> None:
    """In a forked child: another thread may have held it."""
    global _lock  # noqa: PLW0603 - see above
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


class _Body:
    def __init__(self, info: ObjectInfo, start: int, stop: int, data: bytes) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._data = data
        self._position = start

    async def read(self) -> bytes:
        start, self._position = self._position, self.stop
        return self._data[start : self.stop]

    async def chunks(self) -> AsyncIterator[bytes]:
        while self._position < self.stop:
            start = self._position
            self._position = min(start + CHUNK, self.stop)
            yield self._data[start : self._position]
