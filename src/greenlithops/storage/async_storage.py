"""AsyncStorage: objects in any storage, awaited like anything else."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.errors import StorageError, UsageError
from greenlithops.objects import ObjectInfo, PutOptions
from greenlithops.registry import same_storage
from greenlithops.storage.arguments import (
    Teller,
    checked_metadata,
    checked_type,
    file_named,
    size_of,
)
from greenlithops.storage.async_objects import AsyncObjects
from greenlithops.storage.cloudobject import CloudObject, new_key
from greenlithops.storage.download import download
from greenlithops.storage.resume import abandon_upload, resume_upload

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from greenlithops.storage.arguments import Progress


class AsyncStorage(AsyncObjects):
    """Objects in a storage, from asyncio.

    Use it in ``async with``, or call `close` at the end. Outside of ``async with`` it is opened by
    the first thing that is asked of it. One that was closed may be entered again.

    Args:
        backend: the storage's name (``"localhost"``, ``"memory"``, ``"s3"``, ``"gcs"``,
            ``"azure"``, ``"redis"``, or one of Lithops': ``"aws_s3"``, ``"minio"`` …), or a
            backend object.
        bucket: where `put_cloudobject` puts what has no bucket of its own.
        concurrency: how many requests at a time at most.
        part_bytes: the parts in which large objects are sent and fetched; bytes, or a text such
            as ``"8 MiB"``.
        part_concurrency: how many parts of one object at a time. Writing a stream holds up to
            two parts more than this in memory.
        retries: a `RetryPolicy`, or how often a request is tried again while the storage is
            unavailable. None: for about half a minute.
        options: what the backend takes: an endpoint, credentials …

    Raises:
        BackendNotFound: there is no such storage, or what it needs is not installed.
        UsageError: an option is unknown or out of its range.
    """

    # Files.

    async def upload_file(
        self,
        path: str | os.PathLike[str],
        bucket: str,
        key: str | None = None,
        *,
        resume: bool = False,
        content_type: str | None = None,
        metadata: Mapping[str, str] | None = None,
        on_progress: Progress | None = None,
    ) -> ObjectInfo:
        """Write a file as an object.

        Args:
            path: the file.
            bucket: where to.
            key: the object's name; by default the file's.
            resume: go on where an interrupted upload of the unchanged file was, and let what was
                sent be found by a later one if this one is interrupted. It stays in the storage
                until then, or until `abandon_upload`.
            content_type: its media type.
            metadata: text by name, kept with the object.
            on_progress: told the bytes written so far, and the total.
        """
        operations = await self._open(bucket)
        file = Path(path)
        options = PutOptions(checked_type(content_type), checked_metadata(metadata))
        if not resume or not operations.limits.resumable:
            return await self.put(
                bucket,
                key or file.name,
                file,
                content_type=content_type,
                metadata=metadata,
                on_progress=on_progress,
            )
        return await resume_upload(
            operations,
            bucket,
            key or file.name,
            file,
            options,
            part_bytes=self._part_bytes,
            parallel=self._part_concurrency,
            told=Teller(on_progress, size_of(file)),
        )

    async def abandon_upload(
        self, path: str | os.PathLike[str], bucket: str, key: str | None = None
    ) -> bool:
        """Drop what an interrupted ``upload_file(…, resume=True)`` of this user has sent.

        Args:
            path: the file, which may be gone by now.
            bucket: where to.
            key: the object's name; by default the file's.

        Returns:
            Whether there was such an upload.
        """
        operations, file = await self._open(bucket), Path(path)
        return await abandon_upload(operations, bucket, key or file.name, file)

    async def download_file(
        self,
        bucket: str,
        key: str,
        path: str | os.PathLike[str] | None = None,
        *,
        resume: bool = False,
        on_progress: Progress | None = None,
    ) -> ObjectInfo:
        """Write an object to a file, which appears when it is whole; its folders are made.

        Args:
            bucket: where the object is.
            key: its name.
            path: the file; by default the key, below the working directory.
            resume: go on where an interrupted download of the unchanged object was, and keep
                what came if this one is interrupted.
            on_progress: told the bytes written so far, and the total.

        Raises:
            UsageError: there is no path, and the key names a file elsewhere (``../a``, ``/a``).
            OSError: the file cannot be written; it names the file (``ENOSPC``: the disk is full).
        """
        file = file_named(key) if path is None else Path(path)
        return await download(
            await self._open(bucket),
            bucket,
            key,
            file,
            part_bytes=self._part_bytes,
            parallel=self._part_concurrency,
            resume=resume,
            told=Teller(on_progress),
        )

    # Cloud objects.

    async def put_cloudobject(
        self, body: Any, bucket: str | None = None, key: str | None = None
    ) -> CloudObject:
        """Write an object and return a handle on it, which may travel with calls.

        Raises:
            UsageError: neither this nor the storage names a bucket.
        """
        place = bucket or self.bucket
        if place is None:
            raise UsageError("put_cloudobject needs a bucket: name one here, or for the storage")
        name = key or new_key()
        await self.put(place, name, body)
        return CloudObject(self.backend.name, place, name)

    async def get_cloudobject(self, cloudobject: CloudObject) -> bytes:
        """Return the bytes of a cloud object."""
        self._check_own(cloudobject)
        return await self.get(cloudobject.bucket, cloudobject.key)

    async def delete_cloudobject(self, cloudobject: CloudObject) -> None:
        """Delete what a handle names."""
        await self.delete_cloudobjects([cloudobject])

    async def delete_cloudobjects(self, cloudobjects: Iterable[CloudObject]) -> None:
        """Delete what handles name, in any buckets."""
        buckets: dict[str, list[str]] = {}
        for cloudobject in cloudobjects:
            self._check_own(cloudobject)
            buckets.setdefault(cloudobject.bucket, []).append(cloudobject.key)
        deleting = (self.delete_many(place, keys) for place, keys in buckets.items())
        for error in await asyncio.gather(*deleting, return_exceptions=True):
            if error is not None:
                raise error

    def _check_own(self, cloudobject: CloudObject) -> None:
        if not same_storage(cloudobject.backend, self.backend.name):
            raise StorageError(
                f"{cloudobject} is in the storage {cloudobject.backend!r}, not in this "
                f"{self.backend.name!r}"
            )
