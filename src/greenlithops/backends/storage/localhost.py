"""Storage in a folder of this machine: each object a file, written by renaming."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from greenlithops.backends.storage import folder, parts
from greenlithops.backends.storage.contents import Opened
from greenlithops.backends.storage.local_failures import told
from greenlithops.backends.storage.names import check_bucket, check_key
from greenlithops.backends.storage.paths import folder_of, path_of
from greenlithops.errors import NotSupported, PreconditionFailed
from greenlithops.objects import ObjectInfo, StorageLimits, Upload
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from types import TracebackType

    from greenlithops.errors import StorageError
    from greenlithops.objects import Buffer, ListQuery, Page, Part, PutOptions, Span

T = TypeVar("T")

CHUNK = 1 << 20
EAGER = 256 << 10  #: bytes that are read together with opening


class LocalhostStorage:
    """Objects as files below a folder.

    Buckets are its folders. `greenlithops.backends.storage.paths` says how keys become paths;
    no key leads outside.

    Args:
        root: the folder; made when it is missing. By default one of the user's own in the
            system's folder for temporary files.
    """

    name = "localhost"
    scheme = "localhost"
    limits = StorageLimits(min_part=1)

    def __init__(self, root: str | os.PathLike[str] | None = None) -> None:
        self.root = default_root() if root is None else Path(root).absolute()
        self._folder = folder.Folder(str(self.root))
        self._parts = parts.Parts(self._folder)

    async def __aenter__(self) -> Self:
        await self._done(self._folder.prepare)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Keep the files: objects outlive whoever wrote them."""

    def file_of(self, bucket: str, key: str) -> str:
        """Return the path of an object's file, whether it is there or not."""
        return str(self.root / folder_of(bucket) / path_of(key))

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket's folder."""
        check_bucket(bucket)
        await self._done(self._folder.create_bucket, bucket)

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket's folder is there."""
        await self._done(self._folder.bucket, bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        await self._done(self._folder.delete_bucket, bucket)

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write a file and give it its name when it is whole."""
        check_key(bucket, key)
        return await self._done(self._folder.put, bucket, key, body, options)

    @asynccontextmanager
    async def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AsyncIterator[_Body]:
        """Read a file, which stays the same one although it may be replaced meanwhile."""
        check_key(bucket, key)
        opened = await self._done(self._folder.open, bucket, key, span, EAGER, discard=Opened.close)
        try:
            if if_match is not None and opened.info.etag != if_match:
                raise PreconditionFailed(f"{key} is another one by now", bucket=bucket, key=key)
            yield _Body(opened, self.root)
        finally:
            opened.close()

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        check_key(bucket, key)
        return await self._done(self._folder.head, bucket, key)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return ten thousand entries; the token is the last of them."""
        return await self._done(self._folder.list_page, bucket, query, token)

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete files, and folders that are empty then."""
        for key in keys:
            check_key(bucket, key)
        return await self._done(self._folder.delete, bucket, keys)

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy a file; on file systems that can, without copying its data."""
        check_key(bucket, key)
        return await self._done(self._folder.copy, source, bucket, key)

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Refuse: no server answers for these files."""
        raise NotSupported("storage in a folder has no URLs that expire")

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Make a folder for the parts."""
        check_key(bucket, key)
        upload = Upload(bucket, key, secrets.token_hex(16))
        await self._done(self._parts.start_upload, upload)
        return upload

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Write a part."""
        return await self._done(self._parts.put_part, upload, number, body)

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that are there."""
        return await self._done(self._parts.uploaded_parts, upload)

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Put the parts together and give the file its name."""
        return await self._done(self._parts.finish_upload, upload, parts, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts."""
        await self._done(self._parts.abort_upload, upload)

    async def _done(
        self,
        function: Callable[..., T],
        *args: Any,
        discard: Callable[[T], object] | None = None,
    ) -> T:
        """Return ``function(*args)``, called in a thread, with errors of the one tree."""

        def work() -> T:
            with told(self.root, *_about(*args)):
                return function(*args)

        return await off_loop(work, discard=discard)


def _about(
    what: str | Upload | ObjectInfo | None = None, key: object = None, *_: object
) -> tuple[str | None, str | None]:
    """Return the bucket and the key that an operation is about, from its arguments."""
    if isinstance(what, (Upload, ObjectInfo)):
        return what.bucket, what.key
    return what, key if isinstance(key, str) else None


def default_root() -> Path:
    """Return the user's own folder for objects."""
    user = os.getuid() if hasattr(os, "getuid") else os.environ.get("USERNAME", "user")
    return Path(tempfile.gettempdir()) / f"greenlithops-{user}" / "storage"


class _Body:
    def __init__(self, opened: Opened, root: Path) -> None:
        self.info = opened.info
        self.start = opened.start
        self.stop = opened.stop
        self._opened = opened
        self._root = root
        self._position = opened.start

    async def read(self) -> bytes:
        start, self._position = self._position, self.stop
        first = self._opened.first
        if start == self.start and len(first) == self.stop - start:
            return first
        return await self._read(start, self.stop)

    async def chunks(self) -> AsyncIterator[bytes]:
        first = self._opened.first
        if self._position == self.start and first:
            self._position += len(first)
            yield first
        while self._position < self.stop:
            start = self._position
            self._position = min(start + CHUNK, self.stop)
            yield await self._read(start, self._position)

    async def _read(self, start: int, stop: int) -> bytes:
        def work() -> bytes:
            with told(self._root, self.info.bucket, self.info.key):
                return self._opened.read(start, stop)

        return await off_loop(work)
