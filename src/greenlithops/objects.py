"""What object storage is to greenlithops: its values, and the protocol of every backend."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from greenlithops.errors import StorageError

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """What storage knows of an object.

    Attributes:
        bucket: where it is.
        key: its name there.
        size: bytes.
        etag: changes when the content does; without quotes. Empty where storage has none.
        modified: seconds since the epoch, or None where storage does not tell.
        content_type: its media type, or None where it was not asked for (in listings).
        metadata: what was put with it; empty in listings.
    """

    bucket: str
    key: str
    size: int
    etag: str = ""
    modified: float | None = None
    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class Span:
    """A range of an object's bytes, as in ``data[start:stop]``.

    `start` may be negative: the last bytes. `stop` may lie beyond the end. A span that has no
    byte of the object in it raises `InvalidRange`.
    """

    start: int
    stop: int | None = None

    def __str__(self) -> str:
        return self.header().replace("=", " ")

    def header(self) -> str:
        """Return the value of HTTP's ``Range``."""
        if self.start < 0:
            return f"bytes={self.start}"
        last = "" if self.stop is None else self.stop - 1
        return f"bytes={self.start}-{last}"

    def within(self, size: int) -> tuple[int, int] | None:
        """Return the absolute start and stop in an object of `size` bytes; None if outside."""
        start = max(0, size + self.start) if self.start < 0 else self.start
        stop = size if self.stop is None else min(self.stop, size)
        return (start, stop) if start < stop else None


@dataclass(frozen=True, slots=True)
class PutOptions:
    """How an object is written.

    Attributes:
        content_type: its media type; None for ``application/octet-stream``.
        metadata: text by name, returned with the object. Names are lower-case letters, digits
            and hyphens; values are ASCII.
        if_absent: raise `PreconditionFailed` where there is an object of this key.
        if_match: raise `PreconditionFailed` unless the object of this key has this etag.
    """

    content_type: str | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)
    if_absent: bool = False
    if_match: str | None = None


@dataclass(frozen=True, slots=True)
class ListQuery:
    """Which objects are wanted, in the order of their keys' UTF-8 bytes.

    Attributes:
        prefix: what their keys begin with.
        delimiter: roll up keys that have it after the prefix into one common prefix each.
        start_after: only keys after this one.
    """

    prefix: str = ""
    delimiter: str = ""
    start_after: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a listing; `token` asks for the next part, None at the end."""

    objects: Sequence[ObjectInfo]
    prefixes: Sequence[str] = ()
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """A multipart upload that is going on; a plain value, so that another process may resume it."""

    bucket: str
    key: str
    id: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a multipart upload that storage has.

    `size` is -1 where storage does not tell.
    """

    number: int  #: from 1
    etag: str
    size: int
    checksum: str = ""  #: as the storage writes it; empty where the etag says enough


@dataclass(frozen=True, slots=True)
class StorageLimits:
    """What a storage can take.

    Attributes:
        min_part: bytes of every part but the last, at least.
        max_parts: parts of one upload.
        max_put: bytes of one object written at once; more goes in parts.
        max_delete: keys of one `delete`.
        parallel_parts: whether parts may be sent at once and in any order.
        resumable: whether `uploaded_parts` can tell what an interrupted upload had sent.
    """

    min_part: int = 5 << 20
    max_parts: int = 10_000
    max_put: int = 5 << 30
    max_delete: int = 1_000
    parallel_parts: bool = True
    resumable: bool = True


class ObjectBody(Protocol):
    """The bytes of an object, or of a span of it, as they come."""

    info: ObjectInfo  #: of the whole object
    start: int  #: where in the object the bytes begin
    stop: int  #: and where they end

    async def read(self) -> bytes:
        """Return all of it that has not been taken yet."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """Give it in pieces of at most a few MiB, none empty."""
        ...


class StorageBackend(Protocol):
    """Keyed bytes, opened with ``async with`` before anything is asked of it.

    Backends do one attempt of one request: retries, limits on how much happens at once, parts
    and resuming are done above them. They raise the errors of the tree under `StorageError`,
    `StorageUnavailable` for what may work later. A body that ends early is never given out as a
    whole one, and what was put is verified wherever the protocol has a checksum for it. All of
    them may be called many times at once in one event loop.
    """

    name: str  #: ``s3``, ``gcs``, … as in `registry.STORAGE`
    scheme: str  #: how its URLs begin: ``s3`` in ``s3://bucket/key``
    limits: StorageLimits

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is ours already is fine. Raises `BucketTaken`, `InvalidName`."""
        ...

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket can be used. Raises `NoSuchBucket`, `AccessDenied`."""
        ...

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket. Raises `NoSuchBucket`; `StorageError` when it is not empty."""
        ...

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object, whole or not at all."""
        ...

    def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AbstractAsyncContextManager[ObjectBody]:
        """Read an object. Raises `NoSuchKey`, `InvalidRange`, `PreconditionFailed`."""
        ...

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object. Raises `NoSuchKey`."""
        ...

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return the part of a listing that `token` names; None for the first one."""
        ...

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete up to `limits.max_delete` objects; a missing one counts as deleted.

        Returns the errors of those that could not be deleted, by key.
        """
        ...

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object within this storage; its content is still the one of `source.etag`."""
        ...

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Return a URL that does it without credentials. Raises `NotSupported`."""
        ...

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that is sent in parts; nothing is seen of it until it is finished."""
        ...

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part; sending it again replaces it. Raises `NoSuchUpload`."""
        ...

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that storage has. Raises `NoSuchUpload`."""
        ...

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts, in their order; `options` are those of the start."""
        ...

    async def abort_upload(self, upload: Upload) -> None:
        """Drop what was sent; fine if there is nothing."""
        ...


@runtime_checkable
class HoldsFiles(Protocol):
    """A storage whose objects are files that other processes of this machine may open."""

    def file_of(self, bucket: str, key: str) -> str:
        """Return the path of an object's file; its etag is its `files.file_version`."""
        ...
