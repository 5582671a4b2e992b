"""Storage that speaks S3: the hot operations on a lean path, the rare ones through aiobotocore."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from greenlithops.backends.storage.names import check_key
from greenlithops.backends.storage.reading import Reading, check_span
from greenlithops.backends.storage.s3 import documents, rare, uploads
from greenlithops.backends.storage.s3.account import Account
from greenlithops.backends.storage.s3.checksums import content_md5, md5, stored_check
from greenlithops.backends.storage.s3.conditions import Conditions, condition
from greenlithops.backends.storage.s3.failures import answered
from greenlithops.backends.storage.s3.sigv4 import query_string
from greenlithops.backends.storage.s3.values import info_of
from greenlithops.backends.storage.s3.wire import Request, Wire
from greenlithops.backends.storage.s3.writing import object_headers, verified, with_checksum
from greenlithops.errors import (
    AccessDenied,
    BucketTaken,
    InvalidName,
    NoSuchBucket,
    NoSuchKey,
    StorageError,
)
from greenlithops.objects import ObjectInfo, PutOptions, StorageLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from greenlithops.backends.storage.s3.conditions import Way
    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.objects import Buffer, ListQuery, Page, Part, Span, Upload

PROBE = PutOptions()


class S3Storage:
    """Objects in AWS S3, or in anything that speaks its protocol.

    Args:
        options: how it is reached.
    """

    scheme = "s3"
    limits = StorageLimits()

    def __init__(self, options: Options) -> None:
        self.name = options.name
        self._options = options
        self._account = Account(options)
        self._wire = Wire(options, self._account)
        self._seen: set[str] = set()  #: buckets that are there, so that a 404 is about the key
        self._sent: dict[str, dict[int, Part]] = {}  #: parts of uploads that go on
        self._conditions = Conditions(
            options.conditional_writes, self._write_probe, self._finish_probe, self._drop_probe
        )

    def __repr__(self) -> str:
        where = self._options.endpoint or "AWS"
        return f"<S3Storage {self.name} at {where}>"

    async def __aenter__(self) -> Self:
        self._conditions.open()
        await self._account.open()
        await self._wire.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._wire.close()
        await self._account.close()

    # Buckets.

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket in the storage's region."""
        try:
            await rare.create_bucket(self._account, bucket)
        except BucketTaken:
            if not await self._usable(bucket):
                raise

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket can be used."""
        (await self._wire.send(Request("HEAD", bucket))).release()
        self._seen.add(bucket)

    async def _usable(self, bucket: str) -> bool:
        try:
            await self.head_bucket(bucket)
        except (AccessDenied, NoSuchBucket):
            return False
        return True

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        self._seen.discard(bucket)
        await rare.delete_bucket(self._account, bucket)

    # Objects.

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        self._check(bucket, key)
        wanted = self._wanted(options)
        if wanted:
            await self._heeds("put", bucket, key)
        return await self._put(bucket, key, body, options, wanted)

    async def _put(
        self, bucket: str, key: str, body: Buffer, options: PutOptions, wanted: dict[str, str]
    ) -> ObjectInfo:
        headers = {**object_headers(options, self._options), **wanted}
        headers, checksum = await with_checksum(headers, body, self._options.checksum)
        response = await self._wire.send(Request("PUT", bucket, key, "", headers, body))
        response.release()
        etag, _ = await verified(response.headers, body, checksum, bucket, key)
        self._seen.add(bucket)
        kind = headers["content-type"]
        return ObjectInfo(bucket, key, len(body), etag, time.time(), kind, options.metadata)

    def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> Reading:
        """Read an object."""
        self._check(bucket, key)
        check_span(span, bucket, key)
        headers = {"x-amz-checksum-mode": "ENABLED"} if span is None else {"range": span.header()}
        if if_match is not None:
            headers["if-match"] = f'"{if_match}"'
        asked = partial(self._wire.send, Request("GET", bucket, key, "", headers))
        return Reading(asked, partial(info_of, bucket, key), stored_check, span)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        self._check(bucket, key)
        try:
            response = await self._wire.send(Request("HEAD", bucket, key))
        except NoSuchKey:
            if bucket not in self._seen:  # the answer has no body that would tell
                await self.head_bucket(bucket)
            raise
        response.release()
        size = int(response.headers.get("Content-Length", 0))
        return info_of(bucket, key, size, response.headers)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return up to a thousand objects."""
        asked = {"list-type": "2", "encoding-type": "url", "prefix": query.prefix}
        if query.delimiter:
            asked["delimiter"] = query.delimiter
        if token is not None:
            asked["continuation-token"] = token
        else:
            start = query.start_after
            if self._options.as_files:
                start = documents.start_by_path(start)
            if start:
                asked["start-after"] = start
        request = Request("GET", bucket, "", query_string(asked))
        root = await self._wire.ask(request, "ListBucketResult")
        return documents.page(root, bucket, query.start_after)

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects."""
        for key in keys:
            self._check(bucket, key)
        single = [key for key in keys if documents.UNWRITABLE.search(key)]
        many = [key for key in keys if key not in set(single)] if single else list(keys)
        if len(many) == 1:
            single, many = [*single, *many], []
        errors: dict[str, StorageError] = {}
        for key in single:
            try:
                await self._delete(bucket, key)
            except NoSuchBucket:
                raise
            except StorageError as error:
                errors[key] = error
        return {**errors, **await self._delete_many(bucket, many)} if many else errors

    async def _delete(self, bucket: str, key: str) -> None:
        try:
            (await self._wire.send(Request("DELETE", bucket, key))).release()
        except NoSuchKey:
            return  # S3 does not say so, but some servers do

    async def _delete_many(self, bucket: str, keys: Sequence[str]) -> dict[str, StorageError]:
        body = documents.deletion(keys)
        headers = {"content-md5": content_md5(await md5(body)), "content-type": "application/xml"}
        request = Request("POST", bucket, "", "delete=", headers, body)
        root = await self._wire.ask(request, "DeleteResult")
        found = {
            entry.get("Key", ""): answered(200, {}, entry, bucket, entry.get("Key"))
            for entry in documents.children(root, "Error")
        }
        return {key: error for key, error in found.items() if not isinstance(error, NoSuchKey)}

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object; one over 5 GiB part by part."""
        self._check(bucket, key)
        return await rare.copy(self._account, source, bucket, key)

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Return a URL for one operation, valid for a week at most."""
        self._check(bucket, key)
        return await rare.presign(self._account, method, bucket, key, seconds)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that is sent in parts."""
        self._check(bucket, key)
        if self._wanted(options):
            await self._heeds("finish", bucket, key)
        return await uploads.start(self._wire, self._options, bucket, key, options)

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part."""
        part = await uploads.put_part(self._wire, self._options, upload, number, body)
        self._sent.setdefault(upload.id, {})[number] = part
        return part

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that the server has."""
        return await uploads.parts(self._wire, upload, self._sent.get(upload.id, {}))

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts."""
        wanted = self._wanted(options)
        if wanted:
            await self._heeds("finish", upload.bucket, upload.key)
        info = await uploads.finish(self._wire, upload, parts, options, wanted)
        self._sent.pop(upload.id, None)
        return info

    async def abort_upload(self, upload: Upload) -> None:
        """Drop what was sent."""
        await uploads.abort(self._wire, upload)
        self._sent.pop(upload.id, None)

    # Names and probes.

    def _check(self, bucket: str, key: str) -> None:
        check_key(bucket, key)
        if self._options.as_files:
            steps = key.split("/")
            if "\\" in key or any(step in ("", ".", "..") for step in steps):
                raise InvalidName(
                    f"{self.name} keeps objects as files, and would store {key!r} under another "
                    "name or refuse it: it cannot have '\\', nor '', '.' or '..' between slashes",
                    bucket=bucket,
                    key=key,
                )
        elif self.name == "minio" and (key.startswith("/") or "//" in key):
            raise InvalidName(
                f"MinIO would store {key!r} under another name, or refuse it: it cannot begin with "
                "a slash, nor have two in a row",
                bucket=bucket,
                key=key,
            )

    def _wanted(self, options: PutOptions) -> dict[str, str]:
        return condition(options, bare=self._options.as_ceph)

    async def _heeds(self, way: Way, bucket: str, key: str) -> None:
        """Return if a condition will be heeded; raise `NotSupported` if it will not."""
        place = await self._account.place(bucket)
        if not place.is_aws:
            await self._conditions.check(way, bucket, key)

    async def _write_probe(self, bucket: str, key: str, wanted: dict[str, str]) -> Any:
        return await self._put(bucket, key, b"", PROBE, wanted)

    async def _finish_probe(self, bucket: str, key: str, wanted: dict[str, str]) -> Any:
        upload = await uploads.start(self._wire, self._options, bucket, key, PROBE)
        part = await uploads.put_part(self._wire, self._options, upload, 1, b"probe")
        try:
            return await uploads.finish(self._wire, upload, [part], PROBE, wanted)
        except StorageError:
            await uploads.abort(self._wire, upload)
            raise

    async def _drop_probe(self, bucket: str, key: str) -> None:
        await self._delete(bucket, key)
