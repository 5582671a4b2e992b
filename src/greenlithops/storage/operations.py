"""One storage operation each, tried again while that may help, and no more than so many at once."""

from __future__ import annotations

import asyncio
import contextlib
import os
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import (
    AccessDenied,
    ChecksumMismatch,
    NoSuchKey,
    NoSuchUpload,
    PreconditionFailed,
    StorageError,
    StorageUnavailable,
)
from greenlithops.objects import Span

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

    from greenlithops.objects import (
        Buffer,
        ListQuery,
        ObjectInfo,
        Page,
        Part,
        PutOptions,
        StorageBackend,
        Upload,
    )

T = TypeVar("T")

# About half a minute in all, in which a server that was killed is usually back.
RETRIES = RetryPolicy(attempts=12, delay=0.1, factor=2.0, max_delay=5.0, on=StorageUnavailable)
LONGEST_WAIT = 60.0  #: seconds, however long a server asks to stay away
WRITER = "greenlithops-writer"  #: metadata by which a conditional write knows its own object


class Operations:
    """The operations of a backend, with retries and a bound on how many run at once."""

    def __init__(self, backend: StorageBackend, policy: RetryPolicy, concurrency: int) -> None:
        self.backend = backend
        self.limits = backend.limits
        self.policy = policy
        self._slots = asyncio.Semaphore(concurrency)

    async def attempt(self, operation: Callable[..., Awaitable[T]], *args: Any) -> T:
        """Return ``operation(*args)``, tried again where the storage was unavailable."""
        attempt = 1
        altered: ChecksumMismatch | None = None
        while True:
            try:
                async with self._slots:
                    return await operation(*args)
            except ChecksumMismatch as error:
                if altered is not None or self.policy.attempts == 1:
                    raise  # twice is not the network's doing
                altered = error
            except PreconditionFailed as error:
                if altered is not None:  # it may be what the first attempt wrote that is in the way
                    raise altered from error
                raise
            except StorageUnavailable as error:
                await self.pause(error, attempt)
            attempt += 1

    async def pause(self, error: StorageUnavailable, attempt: int) -> None:
        """Wait before the next attempt; raise `error` when there shall be none."""
        if not self.policy.wants(error, attempt):
            raise error
        asked = min(error.retry_after or 0.0, LONGEST_WAIT)
        await asyncio.sleep(max(self.policy.wait(attempt), asked))

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object at once."""
        if not (options.if_absent or options.if_match):
            return await self.attempt(self.backend.put, bucket, key, body, options)
        marked = marked_options(options)
        try:
            return await self.attempt(self.backend.put, bucket, key, body, marked)
        except PreconditionFailed as error:
            return await self._own(bucket, key, marked, error)

    async def _own(
        self, bucket: str, key: str, options: PutOptions, error: StorageError
    ) -> ObjectInfo:
        """Return what is known of the object if an attempt whose answer was lost had written it.

        Raises `error` if it had not.
        """
        try:
            info = await self.attempt(self.backend.head, bucket, key)
        except (NoSuchKey, AccessDenied):  # the second of who may only write
            info = None
        if info is None or info.metadata.get(WRITER) != options.metadata[WRITER]:
            raise error
        return info

    async def read(
        self, bucket: str, key: str, span: Span | None, if_match: str | None = None
    ) -> bytes:
        """Return an object, or a span of it."""
        return await self.attempt(self._read, bucket, key, span, if_match)

    async def _read(self, bucket: str, key: str, span: Span | None, if_match: str | None) -> bytes:
        async with self.backend.open(bucket, key, span, if_match=if_match) as body:
            return await body.read()

    async def stream(
        self,
        bucket: str,
        key: str,
        span: Span | None,
        if_match: str | None = None,
        *,
        holding: bool = True,
    ) -> AsyncGenerator[bytes]:
        """Give an object in pieces; after an interruption go on where it was.

        It counts among what runs at once while it is read; or, without `holding`, only until the
        storage answers: who writes what he reads would wait for himself.
        """
        attempt = 1
        while True:
            try:
                async with AsyncExitStack() as answer:
                    slot = await answer.enter_async_context(AsyncExitStack())
                    await slot.enter_async_context(self._slots)
                    opening = self.backend.open(bucket, key, span, if_match=if_match)
                    body = await answer.enter_async_context(opening)
                    if not holding:
                        await slot.aclose()
                    if_match = body.info.etag or None
                    span = Span(body.start, body.stop)
                    async for chunk in body.chunks():
                        span = Span(span.start + len(chunk), body.stop)
                        attempt = 1  # it moves
                        yield chunk
            except StorageUnavailable as error:
                if span is not None and span.start == span.stop:
                    return  # everything had come before the connection broke
                await self.pause(error, attempt)
            else:
                return
            attempt += 1

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        return await self.attempt(self.backend.head, bucket, key)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return a part of a listing."""
        return await self.attempt(self.backend.list_page, bucket, query, token)

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete up to `limits.max_delete` objects; return the errors by key."""
        final: dict[str, StorageError] = {}
        attempt = 1
        while True:
            errors = await self.attempt(self.backend.delete, bucket, keys)
            later = {k: e for k, e in errors.items() if isinstance(e, StorageUnavailable)}
            final.update((k, e) for k, e in errors.items() if k not in later)
            if not later:
                return final
            # Only these again, and as long as they become fewer.
            attempt = 1 if len(later) < len(keys) else attempt + 1
            keys = [*later]
            await self.pause(later[keys[0]], attempt)

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object within the storage."""
        return await self.attempt(self.backend.copy, source, bucket, key)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that is sent in parts."""
        return await self.attempt(self.backend.start_upload, bucket, key, options)

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part."""
        return await self.attempt(self.backend.put_part, upload, number, body)

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts; `options` must be marked."""
        try:
            return await self.attempt(self.backend.finish_upload, upload, parts, options)
        except (NoSuchUpload, PreconditionFailed) as error:
            info = await self._own(upload.bucket, upload.key, options, error)
            # The attempt that made it may not have come to drop the parts.
            with contextlib.suppress(StorageError):  # the object is there, whatever becomes of them
                await self.abort_upload(upload)
            return info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop what was sent."""
        await self.attempt(self.backend.abort_upload, upload)


def marked_options(options: PutOptions) -> PutOptions:
    """Return the options with a mark in the metadata by which the writer knows its object.

    When the answer to a conditional write is lost, the next attempt fails on the object that the
    first one wrote; only its mark tells that from somebody else's.
    """
    return replace(options, metadata={**options.metadata, WRITER: os.urandom(12).hex()})
