"""Storage: a blocking storage with the names, arguments and results of Lithops."""

from __future__ import annotations

import logging
from email.utils import formatdate
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.errors import NoSuchBucket, StorageError, UsageError
from greenlithops.storage.cloudobject import new_key
from greenlithops.sync import storage_calls
from greenlithops.sync.blocking_storage import BlockingStorage
from greenlithops.sync.object_files import BUFFER_BYTES, ObjectStream, ReadingObject
from greenlithops.sync.storage_client import StorageClient

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Iterable, Mapping

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.cloudobject import CloudObject

logger = logging.getLogger(__name__)

_NOTHING: Mapping[str, Any] = {}


class Storage(BlockingStorage):
    """Objects in a storage, with the names, arguments and results of Lithops.

    May be used from many threads, and travels with calls. Missing objects and buckets raise
    `StorageNoSuchKeyError`; other errors are those of `greenlithops.errors.StorageError`.

    Args:
        config: a configuration with the section ``lithops`` and the one of the storage; by
            default the one that is found, as for `FunctionExecutor`.
        backend: the storage's name; by default the one that the configuration names.
        storage_config: the storage's part of a configuration instead, as `config` of another
            `Storage` is.

    Attributes:
        config: the storage's part of the configuration; with its secrets.
        backend: the storage's name.
        bucket: where objects without a bucket of their own go: ``storage_bucket`` of the
            configuration, or None.
        makes_buckets: whether buckets are there when they are written to, and empty before, as
            in Lithops for storages without accounts: localhost, memory, redis.

    Raises:
        ConfigurationError: the configuration is none, or names no storage.
        BackendNotFound: there is no such storage, or what it needs is not installed.
        UsageError: the storage has no such option.
    """

    # The storage itself.

    @property
    def storage_handler(self) -> Storage:
        """What does the work: this object itself."""
        return self

    def get_client(self) -> StorageClient:
        """Return a client with the names and results of boto3's for S3, for any storage."""
        return StorageClient(self)

    def get_storage_config(self) -> dict[str, Any]:
        """Return the storage's part of the configuration; with its secrets."""
        return self.config

    def head_bucket(self, bucket: str) -> dict[str, Any]:
        """Return ``{'ResponseMetadata': {'HTTPStatusCode': 200}}`` if the bucket can be used.

        Raises:
            StorageNoSuchKeyError: it is not there.
            AccessDenied: it is not ours.
        """
        self.ask(lambda storage: storage.head_bucket(bucket), bucket)
        return {"ResponseMetadata": {"HTTPStatusCode": 200}}

    # Objects.

    def put_object(self, bucket: str, key: str, body: Any) -> None:
        """Write an object, whole or not at all.

        Args:
            bucket: where.
            key: its name.
            body: text, bytes, a file object, a path or an iterable of bytes.
        """
        self.make_bucket(bucket)
        self.ask(lambda storage: storage.put(bucket, key, body), bucket, key)

    def get_object(
        self,
        bucket: str,
        key: str,
        stream: bool = False,
        extra_get_args: Mapping[str, Any] | None = None,
    ) -> Any:
        """Return an object's bytes.

        Args:
            bucket: where it is.
            key: its name.
            stream: return a binary file instead, which fetches what is read of it.
            extra_get_args: ``{'Range': 'bytes=0-99'}`` for the first hundred bytes (also
                ``bytes=100-`` and ``bytes=-100``); ``{'IfMatch': etag}``.

        Raises:
            StorageNoSuchKeyError: there is no such object.
            InvalidRange: no byte of the object is in the range.
        """
        wanted = storage_calls.get_arguments(extra_get_args or _NOTHING)
        if not stream:
            return self.ask(
                lambda storage: storage.get(
                    bucket, key, wanted.start, wanted.stop, if_match=wanted.if_match
                ),
                bucket,
                key,
            )
        info = self.head(bucket, key)
        start, stop = storage_calls.checked_span(wanted, info)
        return ObjectStream(ReadingObject(self._host, info, start, stop), BUFFER_BYTES)

    def head_object(self, bucket: str, key: str) -> dict[str, str]:
        """Return what is known of an object, as HTTP headers: such as ``content-length``.

        Raises:
            StorageNoSuchKeyError: there is no such object.
        """
        info = self.head(bucket, key)
        headers = {
            "content-length": str(info.size),
            "content-type": info.content_type or "application/octet-stream",
            "etag": f'"{info.etag}"',
        }
        if info.modified is not None:
            headers["last-modified"] = formatdate(info.modified, usegmt=True)
        return headers | {f"x-amz-meta-{name}": value for name, value in info.metadata.items()}

    def list_objects(
        self, bucket: str, prefix: str | None = None, match_pattern: str | None = None
    ) -> list[dict[str, Any]]:
        """Return the objects of a bucket, in the order of their keys.

        Args:
            bucket: which.
            prefix: what their keys begin with.
            match_pattern: a glob that their keys match: ``*`` within a folder, ``**`` over all.

        Returns:
            For each object its ``Key``, ``Size`` in bytes, ``ETag``, and ``LastModified`` where
            the storage tells.
        """
        found = self._listed(bucket, prefix, match_pattern)
        return [storage_calls.entry(info) for info in found]

    def list_keys(self, bucket: str, prefix: str | None = None) -> list[str]:
        """Return the keys of a bucket, in order, that begin with `prefix`."""
        return [info.key for info in self._listed(bucket, prefix)]

    def _listed(
        self, bucket: str, prefix: str | None, match_pattern: str | None = None
    ) -> list[ObjectInfo]:
        listed = partial(
            storage_calls.listed, bucket=bucket, prefix=prefix or "", glob=match_pattern
        )
        try:
            return self.ask(listed, bucket, prefix or "")
        except NoSuchBucket:
            if self.makes_buckets:
                return []
            raise

    def delete_object(self, bucket: str, key: str) -> None:
        """Delete an object; a missing one is fine."""
        self.delete_objects(bucket, [key])

    def delete_objects(self, bucket: str, key_list: Iterable[str]) -> None:
        """Delete objects; missing ones are fine."""
        # Whatever gives the keys may ask this storage for them, which cannot be done on the loop.
        keys = key_list if isinstance(key_list, (str, bytes)) else list(key_list)
        try:
            self.ask(lambda storage: storage.delete_many(bucket, keys), bucket)
        except NoSuchBucket:
            if not self.makes_buckets:
                raise

    # Files.

    def upload_file(
        self,
        file_name: str | os.PathLike[str],
        bucket: str,
        key: str | None = None,
        extra_args: Mapping[str, Any] | None = None,
        config: Any = None,  # noqa: ARG002 - Lithops' name; parts are sized by the storage
    ) -> bool:
        """Write a file as an object; return whether that could be done. The error is logged.

        Args:
            file_name: the file.
            bucket: where to.
            key: the object's name; by default the file's, without its folders.
            extra_args: ``ContentType`` and ``Metadata`` of the object.
            config: boto3's transfer configuration; not needed.
        """
        options = storage_calls.put_arguments(extra_args or _NOTHING)
        name = key or Path(file_name).name
        return self._done(
            f"{file_name} could not be uploaded",
            bucket,
            lambda storage: storage.upload_file(file_name, bucket, name, **options),
            writes=True,
        )

    def download_file(
        self,
        bucket: str,
        key: str,
        file_name: str | os.PathLike[str] | None = None,
        extra_args: Mapping[str, Any] | None = None,
        config: Any = None,  # noqa: ARG002 - Lithops' name; parts are sized by the storage
    ) -> bool:
        """Write an object to a file; return whether that could be done. The error is logged.

        Args:
            bucket: where it is.
            key: its name.
            file_name: the file, whose folders are made; by default the key.
            extra_args: nothing.
            config: boto3's transfer configuration; not needed.
        """
        if extra_args:
            raise UsageError(f"download_file takes no extra_args here, not {sorted(extra_args)}")
        return self._done(
            f"{key} could not be downloaded",
            bucket,
            lambda storage: storage.download_file(bucket, key, file_name),
        )

    def _done(
        self,
        problem: str,
        bucket: str,
        operation: Callable[[AsyncStorage], Coroutine[Any, Any, object]],
        *,
        writes: bool = False,
    ) -> bool:
        try:
            if writes:
                self.make_bucket(bucket)
            self.ask(operation, bucket)
        except OSError as error:
            logger.error("%s: %s", problem, error)  # noqa: TRY400 - what happened is enough
            return False
        return True

    # Cloud objects.

    def put_cloudobject(
        self, body: Any, bucket: str | None = None, key: str | None = None
    ) -> CloudObject:
        """Write an object and return a handle on it, which may travel with calls.

        Args:
            body: as for `put_object`.
            bucket: where; by default the storage's bucket.
            key: its name; by default one that nobody else has.
        """
        place = bucket or self.bucket
        if place is not None:
            self.make_bucket(place)
        name = key or new_key()  # here, since who calls is not on the loop
        made = self.ask(lambda storage: storage.put_cloudobject(body, bucket, name), place or "")
        return storage_calls.renamed(made, self.backend)

    def get_cloudobject(self, cloudobject: CloudObject, stream: bool = False) -> Any:
        """Return the bytes of a cloud object, or a binary file of them."""
        self._check_own(cloudobject)
        return self.get_object(cloudobject.bucket, cloudobject.key, stream)

    def delete_cloudobject(self, cloudobject: CloudObject) -> None:
        """Delete what a handle names."""
        self._check_own(cloudobject)
        self.delete_object(cloudobject.bucket, cloudobject.key)

    def delete_cloudobjects(self, cloudobjects: Iterable[CloudObject]) -> None:
        """Delete what handles name, in any buckets; nothing if one is of another storage."""
        handles = list(cloudobjects)
        for cloudobject in handles:
            self._check_own(cloudobject)
        name = self._host.storage.backend.name
        own = [storage_calls.renamed(cloudobject, name) for cloudobject in handles]
        self.ask(lambda storage: storage.delete_cloudobjects(own))

    def _check_own(self, cloudobject: CloudObject) -> None:
        if cloudobject.backend not in (self.backend, self._host.storage.backend.name):
            raise StorageError(
                f"{cloudobject} is in the storage {cloudobject.backend!r}, not in this "
                f"{self.backend!r}"
            )
