"""Buckets and objects: what is asked of a storage from asyncio, and how it is checked first."""

from __future__ import annotations

from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Literal

from greenlithops.errors import NoSuchBucket, NoSuchKey, StorageError, UsageError
from greenlithops.objects import ListQuery, ObjectInfo, PutOptions
from greenlithops.offload import together
from greenlithops.storage.arguments import (
    Teller,
    checked_metadata,
    checked_seconds,
    checked_type,
    size_of,
    span_of,
)
from greenlithops.storage.listing import listing
from greenlithops.storage.opening import Opening
from greenlithops.storage.upload import upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping

    from greenlithops.storage.arguments import Progress

DELETES_AT_A_TIME = 8  #: requests of one `delete_many`


class AsyncObjects(Opening):
    """What `AsyncStorage` can do with buckets and objects."""

    # Buckets.

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is yours already is fine.

        Raises:
            BucketTaken: somebody else has it.
            InvalidName: it cannot have this name.
        """
        operations = await self._open(bucket)
        await operations.attempt(operations.backend.create_bucket, bucket)

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket is there and may be used.

        Raises:
            NoSuchBucket: it is not there.
            AccessDenied: it is not ours.
        """
        operations = await self._open(bucket)
        await operations.attempt(operations.backend.head_bucket, bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        operations = await self._open(bucket)
        attempts = 0

        async def delete() -> None:
            nonlocal attempts
            attempts += 1
            await operations.backend.delete_bucket(bucket)

        try:
            await operations.attempt(delete)
        except NoSuchBucket:
            if attempts == 1:
                raise
            # An attempt whose answer was lost has deleted it.

    # Objects.

    async def put(
        self,
        bucket: str,
        key: str,
        body: Any,
        *,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        if_absent: bool = False,
        if_match: str | None = None,
        on_progress: Progress | None = None,
    ) -> ObjectInfo:
        """Write an object, whole or not at all.

        Args:
            bucket: where.
            key: its name.
            body: bytes, text (sent as UTF-8), a path, a file object, or an iterable or
                asynchronous iterable of bytes, of any length. What is large goes in parts.
            content_type: its media type.
            metadata: text by name, kept with the object.
            if_absent: only if there is no object of this key.
            if_match: only if the object of this key has this etag.
            on_progress: told the bytes written so far, and the total where it is known.

        Raises:
            PreconditionFailed: because of `if_absent` or `if_match`.
            StorageError: any other of its tree.
        """
        kind = checked_type(content_type)
        options = PutOptions(kind, checked_metadata(metadata), if_absent, if_match)
        return await upload(
            await self._open(bucket),
            bucket,
            key,
            body,
            options,
            part_bytes=self._part_bytes,
            parallel=self._part_concurrency,
            told=Teller(on_progress, size_of(body)),
        )

    async def get(
        self,
        bucket: str,
        key: str,
        start: int | None = None,
        stop: int | None = None,
        *,
        if_match: str | None = None,
    ) -> bytes:
        """Return an object's bytes, or those from `start` up to `stop`, as slices count.

        Raises:
            NoSuchKey: there is no such object.
            InvalidRange: no byte of the object is in the range.
            PreconditionFailed: the object has not the etag `if_match`.
        """
        return await (await self._open(bucket)).read(bucket, key, span_of(start, stop), if_match)

    async def stream(
        self,
        bucket: str,
        key: str,
        start: int | None = None,
        stop: int | None = None,
        *,
        if_match: str | None = None,
    ) -> AsyncIterator[bytes]:
        """Give an object's bytes in pieces, without ever holding more than a few MiB.

        After an interruption it goes on where it was; an object that was changed meanwhile, or
        has not the etag `if_match`, raises `PreconditionFailed`.
        """
        operations = await self._open(bucket)
        span = span_of(start, stop)
        async with aclosing(
            operations.stream(bucket, key, span, if_match, holding=False)
        ) as pieces:
            async for piece in pieces:
                yield piece

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object. Raises `NoSuchKey`."""
        return await (await self._open(bucket)).head(bucket, key)

    async def exists(self, bucket: str, key: str) -> bool:
        """Return whether there is such an object."""
        try:
            await self.head(bucket, key)
        except NoSuchKey:
            return False
        return True

    async def list(
        self,
        bucket: str,
        prefix: str = "",
        *,
        delimiter: str = "",
        start_after: str = "",
        match: str | None = None,
    ) -> AsyncIterator[ObjectInfo | str]:
        """Give the objects of a bucket in the order of their keys' UTF-8 bytes.

        Args:
            bucket: which.
            prefix: what their keys begin with.
            delimiter: give keys that have it after the prefix as one common prefix each, as a
                string; such as ``"/"`` for what is in a folder.
            start_after: only keys and common prefixes after this text.
            match: only keys that match this glob (``*``, ``?``, ``[…]``; ``*`` takes in ``/``).
        """
        operations = await self._open(bucket)
        async with aclosing(
            listing(operations, bucket, ListQuery(prefix, delimiter, start_after), match)
        ) as entries:
            async for entry in entries:
                yield entry

    async def delete(self, bucket: str, key: str) -> None:
        """Delete an object; a missing one is fine."""
        await self.delete_many(bucket, [key])

    async def delete_many(self, bucket: str, keys: Iterable[str]) -> None:
        """Delete objects, many in a request; missing ones are fine.

        Raises:
            StorageError: the first error of a key, after all others were tried, with a note for
                each; or at once what fails for all, such as `NoSuchBucket`.
        """
        if isinstance(keys, (str, bytes)):
            raise UsageError(f"delete_many takes keys, not one: write [{keys!r}]")
        operations = await self._open(bucket)
        wanted = list(dict.fromkeys(keys))
        size = operations.limits.max_delete
        batches = (wanted[start : start + size] for start in range(0, len(wanted), size))
        found: dict[str, StorageError] = {}

        async def delete() -> None:
            for batch in batches:
                found.update(await operations.delete(bucket, batch))

        # A request of many keys keeps a server busy for long: more at a time would only wait there.
        most = DELETES_AT_A_TIME if size > 1 else self._concurrency
        await together(delete() for _ in range(min(most, -(-len(wanted) // size))))
        errors = [found[key] for key in wanted if key in found]
        if errors:
            for error in errors[1:]:
                errors[0].add_note(str(error))
            raise errors[0]

    async def copy(
        self, bucket: str, key: str, to_key: str, *, to_bucket: str | None = None
    ) -> ObjectInfo:
        """Copy an object within the storage, without its bytes coming by here.

        One that is copied onto itself stays as it is.
        """
        operations = await self._open(bucket)
        source = await operations.head(bucket, key)
        if (to_bucket or bucket, to_key) == (bucket, key):
            return source
        return await operations.copy(source, to_bucket or bucket, to_key)

    async def presigned_url(
        self,
        bucket: str,
        key: str,
        *,
        method: Literal["GET", "PUT"] = "GET",
        seconds: float = 3600.0,
    ) -> str:
        """Return a URL that reads or writes the object without credentials, for a while."""
        operations = await self._open(bucket)
        return await operations.backend.presign(method, bucket, key, checked_seconds(seconds))
