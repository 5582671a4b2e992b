"""Storage in Google Cloud Storage, by its JSON API."""

from __future__ import annotations

import asyncio
import json
import os
from typing import TYPE_CHECKING, Any, Literal, Self
from urllib.parse import urlencode

import aiohttp

from greenlithops.backends.storage.connections import where
from greenlithops.backends.storage.deleting import one_by_one
from greenlithops.backends.storage.gcs import uploads
from greenlithops.backends.storage.gcs.access import Access
from greenlithops.backends.storage.gcs.crc32c import checksum, stored_check
from greenlithops.backends.storage.gcs.failures import failed
from greenlithops.backends.storage.gcs.names import (
    bucket_path,
    check_object,
    checked_endpoint,
    object_path,
)
from greenlithops.backends.storage.gcs.values import (
    FIELDS,
    changed,
    condition,
    generation_of,
    info_of,
    info_of_media,
    parsed,
    resource,
    with_resource,
)
from greenlithops.backends.storage.names import without_parts
from greenlithops.backends.storage.reading import Reading, check_span
from greenlithops.backends.storage.web import Web
from greenlithops.errors import (
    BucketTaken,
    ChecksumMismatch,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    StorageError,
    UsageError,
)
from greenlithops.objects import ObjectInfo, Page, PutOptions, StorageLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from greenlithops.backends.http.answer import Answer
    from greenlithops.objects import Buffer, ListQuery, Part, Span, Upload

GOOGLE = "https://storage.googleapis.com"
LISTED = "nextPageToken,prefixes,items(name,size,generation,updated,crc32c)"


class GcsStorage:
    """Objects in Google Cloud Storage.

    An object's etag is its generation. Large objects are put as parts, hidden from listings below
    ``.greenlithops-parts/`` in the same bucket, which the service joins; a rule of the bucket's
    life cycle may delete what is left there by processes that died.

    Args:
        project: to which new buckets belong; None for the credentials' own.
        location: where new buckets are, such as ``"europe-west1"``; None for Google's default.
        service_file: the credentials' file; None to look for them as Google's tools do.
        anonymous: send no credentials. None: exactly when the endpoint is not encrypted.
        endpoint: the service's URL, for instance an emulator's; None for what the environment
            variable ``STORAGE_EMULATOR_HOST`` has, else for Google's.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
        region: Lithops' name of `location`.
        credentials_path: Lithops' name of `service_file`.
        storage_bucket: as Lithops' configuration has it; has no effect on the backend.

    Raises:
        UsageError: two options contradict each other.
    """

    name = "gcs"
    scheme = "gs"
    limits = StorageLimits(min_part=1 << 20, max_put=5 << 40, max_delete=1)

    def __init__(
        self,
        *,
        project: str | None = None,
        location: str | None = None,
        service_file: str | Path | None = None,
        anonymous: bool | None = None,
        endpoint: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        region: str | None = None,
        credentials_path: str | Path | None = None,
        storage_bucket: str | None = None,
    ) -> None:
        if None not in (location, region) and location != region:
            raise UsageError("location and region mean the same: give one")
        if None not in (service_file, credentials_path) and service_file != credentials_path:
            raise UsageError("service_file and credentials_path mean the same: give one")
        self._project = project
        self._location = location or region
        self._endpoint = checked_endpoint(
            endpoint or os.environ.get("STORAGE_EMULATOR_HOST") or GOOGLE
        )
        if anonymous is None:
            anonymous = self._endpoint.startswith("http://")
        self._access = Access(service_file or credentials_path, anonymous=anonymous)
        self._web = Web(failed, connect_timeout, read_timeout)
        self._session: aiohttp.ClientSession | None = None  #: in which tokens are asked for

    def __repr__(self) -> str:
        return f"<GcsStorage at {self._endpoint}>"

    async def __aenter__(self) -> Self:
        await self._web.open()
        self._session = aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar())
        try:
            await self._access.open(self._session)
        except BaseException:
            await self._session.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._access.close()
        if self._session is not None:
            await self._session.close()
            await asyncio.sleep(0)  # its transports of TLS say goodbye in the loop's next round
        await self._web.close()

    # Buckets.

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket."""
        project = self._project or await self._access.project() or ""
        wanted = {"name": bucket} | ({"location": self._location} if self._location else {})
        query = urlencode({"project": project})
        try:
            await self.ask("POST", f"/storage/v1/b?{query}", bucket, None, wanted)
        except BucketTaken:
            try:
                await self.head_bucket(bucket)
            except StorageError:
                raise BucketTaken(f"somebody else has {bucket}", bucket=bucket) from None

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket can be used."""
        await self.ask("GET", f"{bucket_path(bucket)}?fields=name", bucket, None)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        try:
            await self.ask("DELETE", bucket_path(bucket), bucket, None)
        except (BucketTaken, PreconditionFailed) as error:
            raise StorageError(f"{bucket} is not empty: {error}", bucket=bucket) from error

    # Objects.

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        check_object(bucket, key)
        crc = checksum(body)
        wanted = {**resource(options), "name": key, "crc32c": crc}
        query = {"uploadType": "multipart", "fields": FIELDS, **condition(options, bucket, key)}
        kind, content = with_resource(wanted, body)
        headers = {**await self._access.headers(), "Content-Type": kind}
        url = f"{self._endpoint}/upload{bucket_path(bucket)}/o?{urlencode(query)}"
        try:
            _, answer = await self._web.ask("POST", url, headers, content, bucket=bucket, key=key)
        except NoSuchKey as error:
            raise NoSuchBucket(f"there is no bucket {bucket}", bucket=bucket) from error
        found = parsed(answer)
        if found.get("crc32c", crc) != crc:
            raise ChecksumMismatch(
                f"{where(bucket, key)}: the storage has got other bytes", bucket=bucket, key=key
            )
        return info_of(bucket, found)

    def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> Reading:
        """Read an object."""
        check_object(bucket, key)
        check_span(span, bucket, key)

        async def asked() -> Answer:
            # What was put compressed shall come as it is, so that its length and CRC are right.
            headers = {**await self._access.headers(), "Accept-Encoding": "gzip"}
            if span is not None:
                headers["Range"] = span.header()
            limit = ""
            if if_match is not None:
                limit = f"&ifGenerationMatch={generation_of(if_match, bucket, key)}"
            url = f"{self._endpoint}{object_path(bucket, key)}?alt=media{limit}"
            response = await self._web.send("GET", url, headers, b"", bucket=bucket, key=key)
            # An emulator ignores the condition.
            if if_match not in (None, response.headers.get("X-Goog-Generation")):
                response.release()
                raise changed(bucket, key)
            return response

        def info(size: int, headers: Mapping[str, str]) -> ObjectInfo:
            return info_of_media(bucket, key, size, headers)

        return Reading(asked, info, stored_check, span)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        check_object(bucket, key)
        return info_of(
            bucket,
            await self.ask("GET", f"{object_path(bucket, key)}?fields={FIELDS}", bucket, key),
        )

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return up to a thousand entries."""
        found = await self.listed(bucket, query, token)
        page = Page(
            [
                info_of(bucket, item)
                for item in found.get("items", ())
                if item["name"] != query.start_after
            ],
            found.get("prefixes", ()),
            found.get("nextPageToken") or None,
        )
        return without_parts(page, query)

    async def listed(self, bucket: str, query: ListQuery, token: str | None) -> dict[str, Any]:
        """Return a page of everything, as the service gives it."""
        asked = {"maxResults": "1000", "fields": LISTED, "prefix": query.prefix}
        if query.delimiter:
            asked["delimiter"] = query.delimiter
        if query.start_after:
            asked["startOffset"] = query.start_after
        if token:
            asked["pageToken"] = token
        path = f"{bucket_path(bucket)}/o?{urlencode(asked)}"
        found: dict[str, Any] = await self.ask("GET", path, bucket, None)
        return found

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects."""

        async def delete(key: str) -> None:
            check_object(bucket, key)
            try:
                await self.ask("DELETE", object_path(bucket, key), bucket, key)
            except NoSuchKey:
                await self.head_bucket(bucket)  # an emulator does not say which of them is missing
                raise

        return await one_by_one(keys, delete)

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object; a large one takes several requests."""
        check_object(bucket, key)
        known = generation_of(source.etag, source.bucket, source.key)
        query = {
            "ifSourceGenerationMatch": known,
            "fields": f"done,rewriteToken,resource({FIELDS})",
        }
        path = f"{object_path(source.bucket, source.key)}/rewriteTo{object_path(bucket, key)[11:]}"
        while True:
            url = f"{path}?{urlencode(query)}"
            found = await self.ask("POST", url, source.bucket, source.key)
            if found["done"]:
                return info_of(bucket, found["resource"])
            query["rewriteToken"] = found["rewriteToken"]

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Return a URL for one operation, valid for a week at most."""
        check_object(bucket, key)
        return await self._access.signed(method, bucket, key, seconds)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that is sent in parts."""
        check_object(bucket, key)
        return await uploads.start(self, bucket, key)

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part."""
        return await uploads.put_part(self, upload, number, body)

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that the service has."""
        return await uploads.parts(self, upload)

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts."""
        return await uploads.finish(self, upload, parts, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop what was sent."""
        await uploads.drop(self, upload)

    async def ask(
        self, method: str, path: str, bucket: str, key: str | None, wanted: object = None
    ) -> Any:
        """Return what is answered to a request, whose body is `wanted` as JSON."""
        headers = dict(await self._access.headers())
        body = b"" if wanted is None else json.dumps(wanted).encode()
        if body:
            headers["Content-Type"] = "application/json"
        url = f"{self._endpoint}{path}"
        _, answer = await self._web.ask(method, url, headers, body, bucket=bucket, key=key)
        return parsed(answer)
