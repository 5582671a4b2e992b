"""What `Storage.get_client` gives: boto3's names and results for objects, over any storage."""

from __future__ import annotations

# ruff: noqa: N803 - the parameters are boto3's
from functools import partial
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from greenlithops.errors import NoSuchBucket, NoSuchKey, NotSupported, StorageError, UsageError
from greenlithops.objects import ObjectInfo
from greenlithops.sync.storage_calls import entry, put_arguments
from greenlithops.sync.storage_pages import Paginator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.sync.storage import Storage

MAX_KEYS = 1_000
_PAST = "\U0010ffff"  #: no key with a prefix comes after the prefix and this
_OK = {"ResponseMetadata": {"HTTPStatusCode": 200}}


class StorageClient:
    """An S3 client of boto3's kind, as far as programs with objects use one.

    Its errors are those of `greenlithops.errors`, not botocore's. What it does not know of
    raises `UsageError`; nothing is ignored.

    Args:
        storage: where the objects are.
    """

    #: for ``except client.exceptions.NoSuchKey``
    exceptions = SimpleNamespace(
        ClientError=StorageError, NoSuchBucket=NoSuchBucket, NoSuchKey=NoSuchKey
    )

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    # Objects.

    def put_object(self, *, Bucket: str, Key: str, Body: Any = b"", **more: Any) -> dict[str, Any]:
        """Write an object; `more` may be ``ContentType`` and ``Metadata``."""
        options = put_arguments(more)
        self._storage.make_bucket(Bucket)
        info = self._ask(lambda storage: storage.put(Bucket, Key, Body, **options), Bucket, Key)
        return {**_OK, "ETag": f'"{info.etag}"'}

    def get_object(self, *, Bucket: str, Key: str, **more: Any) -> dict[str, Any]:
        """Return an object with a file as its ``Body``; `more` may be ``Range``, ``IfMatch``."""
        body = self._storage.get_object(Bucket, Key, stream=True, extra_get_args=more)
        info = body.raw.info
        return {**self._described(info), "Body": body, "ContentLength": body.raw.size}

    def head_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Return what is known of an object."""
        return self._described(self._storage.head(Bucket, Key))

    @staticmethod
    def _described(info: ObjectInfo) -> dict[str, Any]:
        shown = {name: value for name, value in entry(info).items() if name not in ("Key", "Size")}
        return {
            **_OK,
            **shown,
            "ContentLength": info.size,
            "ContentType": info.content_type or "application/octet-stream",
            "Metadata": dict(info.metadata),
        }

    def delete_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        """Delete an object; a missing one is fine."""
        self._storage.delete_object(Bucket, Key)
        return {"ResponseMetadata": {"HTTPStatusCode": 204}}

    def delete_objects(self, *, Bucket: str, Delete: Mapping[str, Any]) -> dict[str, Any]:
        """Delete objects: ``{'Objects': [{'Key': …}, …]}``."""
        keys = [wanted["Key"] for wanted in Delete["Objects"]]
        self._storage.delete_objects(Bucket, keys)
        return {**_OK, "Deleted": [{"Key": key} for key in keys]}

    def copy_object(
        self, *, Bucket: str, Key: str, CopySource: str | Mapping[str, str]
    ) -> dict[str, Any]:
        """Copy an object; the source is ``{'Bucket': …, 'Key': …}`` or ``"bucket/key"``."""
        if isinstance(CopySource, str):
            bucket, _, key = CopySource.lstrip("/").partition("/")
        else:
            bucket, key = CopySource["Bucket"], CopySource["Key"]
        info = self._storage.copy(bucket, key, Key, to_bucket=Bucket)
        return {**_OK, "CopyObjectResult": {"ETag": f'"{info.etag}"'}}

    # Listings.

    def list_objects_v2(
        self,
        *,
        Bucket: str,
        Prefix: str = "",
        Delimiter: str = "",
        MaxKeys: int = MAX_KEYS,
        StartAfter: str = "",
        ContinuationToken: str = "",
    ) -> dict[str, Any]:
        """Return a part of a listing."""
        after = max(StartAfter, ContinuationToken)
        wanted = partial(_part, Bucket, Prefix, Delimiter, after, MaxKeys)
        found, more = self._ask(wanted, Bucket, Prefix)
        objects = [entry(item) for item in found if isinstance(item, ObjectInfo)]
        prefixes = [{"Prefix": item} for item in found if isinstance(item, str)]
        answer: dict[str, Any] = {
            **_OK,
            "Name": Bucket,
            "Prefix": Prefix,
            "MaxKeys": MaxKeys,
            "KeyCount": len(found),
            "IsTruncated": more,
        }
        if objects:
            answer["Contents"] = objects
        if prefixes:
            answer["CommonPrefixes"] = prefixes
        if more and found:
            last = found[-1]
            answer["NextContinuationToken"] = last + _PAST if isinstance(last, str) else last.key
        return answer

    def list_objects(self, *, Bucket: str, Marker: str = "", **more: Any) -> dict[str, Any]:
        """Return a part of a listing, as the first version of the request did."""
        answer = self.list_objects_v2(Bucket=Bucket, StartAfter=Marker, **more)
        if "NextContinuationToken" in answer:
            answer["NextMarker"] = answer.pop("NextContinuationToken")
        return answer

    def get_paginator(self, operation_name: str) -> Paginator:
        """Return what gives all parts of a listing: ``.paginate(Bucket=…, Prefix=…)``."""
        if operation_name not in ("list_objects", "list_objects_v2"):
            raise NotSupported(f"there is no paginator for {operation_name!r}; only for listings")
        return Paginator(self.list_objects_v2)

    # Files.

    def upload_file(
        self,
        Filename: str,
        Bucket: str,
        Key: str,
        ExtraArgs: Mapping[str, Any] | None = None,
        **_: Any,
    ) -> None:
        """Write a file as an object; callbacks and transfer configurations are not needed."""
        options = put_arguments(ExtraArgs or {})
        self._storage.make_bucket(Bucket)
        self._ask(
            lambda storage: storage.upload_file(Filename, Bucket, Key, **options), Bucket, Key
        )

    def upload_fileobj(
        self, Fileobj: Any, Bucket: str, Key: str, ExtraArgs: Mapping[str, Any] | None = None
    ) -> None:
        """Write what a file object gives as an object."""
        self.put_object(Bucket=Bucket, Key=Key, Body=Fileobj, **(ExtraArgs or {}))

    def download_file(self, Bucket: str, Key: str, Filename: str, **_: Any) -> None:
        """Write an object to a file; callbacks and transfer configurations are not needed."""
        self._ask(lambda storage: storage.download_file(Bucket, Key, Filename), Bucket, Key)

    def download_fileobj(self, Bucket: str, Key: str, Fileobj: Any) -> None:
        """Write an object into a file object."""
        for piece in self._storage.stream(Bucket, Key):
            Fileobj.write(piece)

    # Buckets, URLs.

    def create_bucket(self, *, Bucket: str, **_: Any) -> dict[str, Any]:
        """Make a bucket; where, is the storage's configuration."""
        self._storage.create_bucket(Bucket)
        return {**_OK, "Location": f"/{Bucket}"}

    def head_bucket(self, *, Bucket: str) -> dict[str, Any]:
        """Return if the bucket can be used."""
        return self._storage.head_bucket(Bucket)

    def generate_presigned_url(
        self, ClientMethod: str, Params: Mapping[str, str], ExpiresIn: float = 3600
    ) -> str:
        """Return a URL for ``get_object`` or ``put_object``, valid for `ExpiresIn` seconds."""
        method = ClientMethod.removesuffix("_object").upper()
        if method not in ("GET", "PUT"):
            raise UsageError(f"there are URLs for get_object and put_object, not {ClientMethod!r}")
        return self._storage.presigned_url(
            Params["Bucket"],
            Params["Key"],
            method=method,  # type: ignore[arg-type]  # one of the two, see above
            seconds=ExpiresIn,
        )

    def _ask(self, operation: Any, bucket: str, key: str) -> Any:
        return self._storage.ask(operation, bucket, key)


async def _part(  # noqa: PLR0917 - bound by position above
    bucket: str, prefix: str, delimiter: str, after: str, most: int, storage: AsyncStorage
) -> tuple[list[ObjectInfo | str], bool]:
    """Return at most so many entries of a listing, and whether there are more."""
    found: list[ObjectInfo | str] = []
    entries = storage.list(bucket, prefix, delimiter=delimiter, start_after=after)
    async for item in entries:
        if len(found) == most:
            return found, True
        found.append(item)
    return found, False
