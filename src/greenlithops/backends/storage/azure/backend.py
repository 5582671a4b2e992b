"""Storage in Azure Blob Storage."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import quote

from greenlithops.backends.storage.azure import documents, uploads
from greenlithops.backends.storage.azure.access import Access, Account, account_of
from greenlithops.backends.storage.azure.failures import failed
from greenlithops.backends.storage.azure.md5 import md5, stored_check
from greenlithops.backends.storage.azure.names import check_blob
from greenlithops.backends.storage.azure.values import conditions, info_of, put_info, written
from greenlithops.backends.storage.connections import where
from greenlithops.backends.storage.deleting import one_by_one
from greenlithops.backends.storage.names import without_parts
from greenlithops.backends.storage.reading import Reading, check_span
from greenlithops.backends.storage.web import NO_HEADERS, Web
from greenlithops.errors import (
    BucketTaken,
    PreconditionFailed,
    StorageError,
    StorageUnavailable,
    UsageError,
)
from greenlithops.objects import ListQuery, ObjectInfo, Page, StorageLimits
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

    from greenlithops.backends.http.answer import Answer
    from greenlithops.backends.storage.azure.access import Credential
    from greenlithops.objects import Buffer, Part, PutOptions, Span, Upload

PAGE = 5_000  #: entries of a listing's page, at most
COPY_PAUSE = 0.5  #: seconds between looks at a copy that is under way


class AzureStorage:
    """Objects in Azure Blob Storage, as block blobs; buckets are containers.

    Large objects are put as blocks of a blob below `names.PARTS`, hidden from listings, which is
    copied to its place at the end; blocks of an upload that was neither finished nor aborted are
    dropped by the service after a week.

    Args:
        account: the storage account's name.
        key: its key.
        sas_token: a shared access signature, instead of the key.
        connection_string: account, endpoint and key or signature in one.
        credential: a credential of the SDK for asyncio, instead of the key.
        endpoint: the URL of the account's Blob service, for instance an emulator's; None for
            Azure's.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which something has to come, or to be taken.
        storage_account_name: Lithops' name of `account`.
        storage_account_key: Lithops' name of `key`.
        storage_bucket: as Lithops' configuration has it; has no effect on the backend.

    Raises:
        UsageError: the account is missing, or two options contradict each other.
    """

    name = "azure"
    scheme = "az"
    limits = StorageLimits(min_part=1, max_parts=50_000, max_put=5_000 << 20, max_delete=1)

    def __init__(
        self,
        *,
        account: str | None = None,
        key: str | None = None,
        sas_token: str | None = None,
        connection_string: str | None = None,
        credential: Credential | None = None,
        endpoint: str | None = None,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        storage_account_name: str | None = None,
        storage_account_key: str | None = None,
        storage_bucket: str | None = None,
    ) -> None:
        account = account or storage_account_name
        key = key or storage_account_key
        ways = [way for way in (key, sas_token, credential, connection_string) if way is not None]
        if len(ways) > 1:
            raise UsageError("give one of key, sas_token, credential and connection_string")
        if connection_string is not None:
            self._account = account_of(connection_string)
        elif account is None:
            raise UsageError("the storage account's name is missing: account")
        else:
            url = endpoint or f"https://{account}.blob.core.windows.net"
            self._account = Account(account, url.rstrip("/"), key, sas_token, credential)
        if not self._account.endpoint.startswith(("http://", "https://")):
            raise UsageError(f"an endpoint is a URL with http:// or https://, not {endpoint!r}")
        self._access = Access(self._account)
        self._web = Web(failed, connect_timeout, read_timeout)
        self._dropped: set[str] = set()  #: uploads that were aborted here

    def __repr__(self) -> str:
        return f"<AzureStorage {self._account.name} at {self._account.endpoint}>"

    async def __aenter__(self) -> Self:
        await self._web.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._web.close()

    # Buckets.

    async def create_bucket(self, bucket: str) -> None:
        """Make a container; the account's own ones are the only ones that can be there."""
        try:
            await self.ask("PUT", bucket, None, {"restype": "container"})
        except BucketTaken:
            return

    async def head_bucket(self, bucket: str) -> None:
        """Return if the container can be used."""
        await self.ask("HEAD", bucket, None, {"restype": "container"})

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty container; Azure itself would delete a full one too."""
        page: Page | None = None
        while page is None or page.token:
            page = await self.list_page(bucket, ListQuery(), page.token if page else None)
            if page.objects:
                raise StorageError(f"{bucket} is not empty", bucket=bucket)
        await self.ask("DELETE", bucket, None, {"restype": "container"})

    # Objects.

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        check_blob(bucket, key)
        headers = {
            **written(options),
            **conditions(options),
            "x-ms-blob-type": "BlockBlob",
            "content-md5": await md5(body),
        }
        answer, _ = await self.ask("PUT", bucket, key, headers=headers, body=body)
        return put_info(bucket, key, len(body), answer, options)

    def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> Reading:
        """Read an object."""
        check_blob(bucket, key)
        check_span(span, bucket, key)

        async def asked() -> Answer:
            headers = {} if if_match is None else {"if-match": f'"{if_match}"'}
            wanted = span
            if wanted is not None and wanted.start < 0:
                # Azure knows no ranges from the end.
                known = await self.head(bucket, key)
                headers.setdefault("if-match", f'"{known.etag}"')
                start = max(0, known.size + wanted.start)
                headers["x-ms-range"] = f"bytes={start}-"
            elif wanted is not None:
                headers["x-ms-range"] = wanted.header()
            try:
                return await self._send("GET", bucket, key, headers)
            except PreconditionFailed as error:
                if if_match is not None:
                    raise
                what = f"{where(bucket, key)} was replaced while it was read"
                raise StorageUnavailable(what, bucket=bucket, key=key) from error

        def info(size: int, headers: Mapping[str, str]) -> ObjectInfo:
            return info_of(bucket, key, size, headers)

        return Reading(asked, info, stored_check, span)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        check_blob(bucket, key)
        headers, _ = await self.ask("HEAD", bucket, key)
        return info_of(bucket, key, int(headers.get("Content-Length", 0)), headers)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return up to `PAGE` entries.

        Azure cannot begin in the middle: what is not after `query.start_after` is passed over.
        """
        asked = {"restype": "container", "comp": "list", "maxresults": str(PAGE)}
        if query.prefix:
            asked["prefix"] = query.prefix
        if query.delimiter:
            asked["delimiter"] = query.delimiter
        if token:
            asked["marker"] = token
        _, data = await self.ask("GET", bucket, None, asked)
        page = await off_loop(documents.page, data, bucket, query.start_after)  # it takes a while
        return without_parts(page, query)

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects, with their snapshots."""
        headers = {"x-ms-delete-snapshots": "include"}

        async def delete(key: str) -> None:
            check_blob(bucket, key)
            await self.ask("DELETE", bucket, key, headers=headers)

        return await one_by_one(keys, delete)

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object within the account; wait until it is done."""
        check_blob(bucket, key)
        check_blob(source.bucket, source.key)
        wanted = {"x-ms-source-if-match": f'"{source.etag}"'}
        await self.copied(source.bucket, source.key, bucket, key, wanted)
        return await self.head(bucket, key)

    async def copied(
        self,
        from_bucket: str,
        from_key: str,
        bucket: str,
        key: str,
        wanted: Mapping[str, str],
    ) -> Mapping[str, str]:
        """Copy an object if it is as `wanted`; return the headers that tell of the new one."""
        source = self._access.readable(self._url(from_bucket, from_key))
        headers = {"x-ms-copy-source": source, **wanted}
        answer, _ = await self.ask("PUT", bucket, key, headers=headers)
        while answer.get("x-ms-copy-status") == "pending":
            await asyncio.sleep(COPY_PAUSE)
            answer, _ = await self.ask("HEAD", bucket, key)
        if answer.get("x-ms-copy-status", "success") != "success":
            said = answer.get("x-ms-copy-status-description", answer["x-ms-copy-status"])
            raise StorageError(f"{from_key} was not copied: {said}", bucket=bucket, key=key)
        return answer

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Return a URL for one operation.

        Who puts with it has to send ``x-ms-blob-type: BlockBlob``.
        """
        check_blob(bucket, key)
        return self._access.link(method, self._url(bucket, key), bucket, key, seconds)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that is sent in parts."""
        check_blob(bucket, key)
        await self.head_bucket(bucket)
        return uploads.start(bucket, key)

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Send a part."""
        self._check(upload)
        return await uploads.put_part(self, upload, number, body)

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that the service has; an upload without any is none."""
        self._check(upload)
        return await uploads.parts(self, upload)

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts."""
        self._check(upload)
        return await uploads.finish(self, upload, parts, options)

    async def abort_upload(self, upload: Upload) -> None:
        """Take no more for it, and drop what was sent."""
        self._dropped.add(upload.id)
        await uploads.drop(self, upload)

    def _check(self, upload: Upload) -> None:
        if upload.id in self._dropped:
            raise uploads.over(upload)

    # Requests.

    async def _send(
        self,
        method: str,
        bucket: str,
        key: str | None,
        headers: Mapping[str, str] = NO_HEADERS,
    ) -> Answer:
        url, headers = await self._access.allowed(method, self._url(bucket, key), {}, headers)
        return await self._web.send(method, url, headers, b"", bucket=bucket, key=key)

    async def ask(
        self,
        method: str,
        bucket: str,
        key: str | None,
        query: Mapping[str, str] = NO_HEADERS,
        *,
        headers: Mapping[str, str] = NO_HEADERS,
        body: Buffer = b"",
    ) -> tuple[Mapping[str, str], bytes]:
        """Return headers and body of the answer to a request."""
        if method == "PUT":
            headers = {**headers, "content-length": str(len(body))}
        url, headers = await self._access.allowed(method, self._url(bucket, key), query, headers)
        return await self._web.ask(method, url, headers, body, bucket=bucket, key=key)

    def _url(self, bucket: str, key: str | None) -> str:
        place = f"{self._account.endpoint}/{quote(bucket, safe='')}"
        return place if key is None else f"{place}/{quote(key, safe='/~')}"
