"""Storage that fails now and then, as a network does: before it did something, or after."""

from __future__ import annotations

import random
from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

from greenlithops.errors import StorageError, StorageUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
    from types import TracebackType

    from greenlithops.objects import (
        Buffer,
        ListQuery,
        ObjectBody,
        ObjectInfo,
        Page,
        Part,
        PutOptions,
        Span,
        StorageBackend,
        Upload,
    )


class FaultyStorage:
    """A backend that loses requests, answers and the ends of bodies of another one.

    Args:
        backend: what does the work.
        rate: the share of operations that fail, 0 to 1; half of them after they were done.
        seed: of the random numbers that decide.

    Attributes:
        faults: how often each kind of fault happened.
    """

    def __init__(self, backend: StorageBackend, rate: float, seed: int = 0) -> None:
        self.name = backend.name
        self.scheme = backend.scheme
        self.limits = backend.limits
        self.faults: Counter[str] = Counter()
        self._backend = backend
        self._rate = rate
        self._random = random.Random(seed)  # noqa: S311 - repeatable, not secret

    async def __aenter__(self) -> Self:
        await self._backend.__aenter__()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._backend.__aexit__(kind, error, trace)

    async def _lossy(self, work: Awaitable[Any]) -> Any:
        lost = self._random.random() < self._rate
        if lost and self._random.random() < 0.5:  # noqa: PLR2004 - every other one
            self.faults["request"] += 1
            if hasattr(work, "close"):
                work.close()
            raise StorageUnavailable("the request was lost")
        try:
            result = await work
        except StorageError:
            if not lost:
                raise
        if lost:
            self.faults["answer"] += 1
            raise StorageUnavailable("the answer was lost")
        return result

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket, perhaps."""
        await self._lossy(self._backend.create_bucket(bucket))

    async def head_bucket(self, bucket: str) -> None:
        """Look for a bucket, perhaps."""
        await self._lossy(self._backend.head_bucket(bucket))

    async def delete_bucket(self, bucket: str) -> None:
        """Delete a bucket; that is not made to fail, since doing it twice is an error."""
        await self._backend.delete_bucket(bucket)

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object, perhaps."""
        info: ObjectInfo = await self._lossy(self._backend.put(bucket, key, body, options))
        return info

    @asynccontextmanager
    async def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AsyncIterator[ObjectBody]:
        """Read an object, perhaps not to its end."""
        if self._random.random() < self._rate:
            self.faults["request"] += 1
            raise StorageUnavailable("the request was lost")
        async with self._backend.open(bucket, key, span, if_match=if_match) as body:
            yield _Cut(body, self)

    def cuts(self) -> bool:
        """Return whether a body ends here."""
        cut = self._random.random() < self._rate
        self.faults["body"] += cut
        return cut

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Look at an object, perhaps."""
        info: ObjectInfo = await self._lossy(self._backend.head(bucket, key))
        return info

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """List objects, perhaps."""
        page: Page = await self._lossy(self._backend.list_page(bucket, query, token))
        return page

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects, perhaps."""
        errors: Mapping[str, StorageError] = await self._lossy(self._backend.delete(bucket, keys))
        return errors

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object, perhaps."""
        info: ObjectInfo = await self._lossy(self._backend.copy(source, bucket, key))
        return info

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Return a URL."""
        return await self._backend.presign(method, bucket, key, seconds)

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an upload, perhaps."""
        upload: Upload = await self._lossy(self._backend.start_upload(bucket, key, options))
        return upload

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part, perhaps."""
        part: Part = await self._lossy(self._backend.put_part(upload, number, body))
        return part

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts, perhaps."""
        parts: Sequence[Part] = await self._lossy(self._backend.uploaded_parts(upload))
        return parts

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Finish an upload, perhaps."""
        info: ObjectInfo = await self._lossy(self._backend.finish_upload(upload, parts, options))
        return info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop an upload, perhaps."""
        await self._lossy(self._backend.abort_upload(upload))


class _Cut:
    """A body that may end early."""

    def __init__(self, body: ObjectBody, storage: FaultyStorage) -> None:
        self.info = body.info
        self.start = body.start
        self.stop = body.stop
        self._body = body
        self._storage = storage

    async def read(self) -> bytes:
        if self._storage.cuts():
            raise StorageUnavailable("the answer ended early")
        return await self._body.read()

    async def chunks(self) -> AsyncIterator[bytes]:
        async for chunk in self._body.chunks():
            if self._storage.cuts():
                yield chunk[: len(chunk) // 2] or chunk
                raise StorageUnavailable("the answer ended early")
            yield chunk
