"""What is rare goes through aiobotocore: buckets, copies, presigned URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from greenlithops.backends.storage.s3.failures import answered
from greenlithops.errors import NotSupported, StorageError, StorageTimeout, StorageUnavailable
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

    from greenlithops.backends.storage.s3.account import Account

LARGEST_COPY = 5 << 30  #: bytes that one request copies
COPY_PART = 512 << 20
LONGEST = 7 * 24 * 3600.0  #: seconds that a presigned URL may be valid


async def _asked(
    bucket: str, key: str | None, call: Callable[..., Awaitable[Any]], **arguments: Any
) -> Any:
    """Return the answer of aiobotocore; its errors become ours."""
    from botocore import exceptions as theirs  # noqa: PLC0415 - only with a client of it

    try:
        return await call(**arguments)
    except theirs.ClientError as error:
        about = error.response.get("ResponseMetadata", {})
        status, headers = about.get("HTTPStatusCode", 500), about.get("HTTPHeaders", {})
        said = {**error.response.get("Error", {})}
        if str(said.get("Code", "")).isdecimal():
            said.pop("Code")  # stands for an answer without one
        headers = {name.title(): value for name, value in headers.items()}
        raise answered(status, headers, said, bucket, key) from error
    except (theirs.ConnectionError, theirs.HTTPClientError) as error:
        kind = StorageTimeout if "Timeout" in type(error).__name__ else StorageUnavailable
        raise kind(f"{bucket}: {error}", bucket=bucket, key=key) from error
    except theirs.BotoCoreError as error:
        raise StorageError(f"{bucket}: {error}", bucket=bucket, key=key) from error


async def create_bucket(account: Account, bucket: str) -> None:
    """Make a bucket. Raises `BucketTaken` also when it is ours."""
    place = await account.place(bucket)
    client = await account.client()
    arguments: dict[str, Any] = {"Bucket": bucket}
    # Elsewhere it names something else, or nothing; and us-east-1 must not be named.
    if place.is_aws and account.region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": account.region}
    await _asked(bucket, None, client.create_bucket, **arguments)


async def delete_bucket(account: Account, bucket: str) -> None:
    """Delete an empty bucket."""
    place = await account.place(bucket)
    client = await account.client(place.region)
    await _asked(bucket, None, client.delete_bucket, Bucket=bucket)


async def copy(account: Account, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
    """Copy an object within the storage."""
    place = await account.place(bucket)
    client = await account.client(place.region)
    origin: dict[str, Any] = {"CopySource": {"Bucket": source.bucket, "Key": source.key}}
    if source.etag:
        origin["CopySourceIfMatch"] = f'"{source.etag}"'
    target = {"Bucket": bucket, "Key": key}
    if source.size <= LARGEST_COPY:
        answer = await _asked(source.bucket, source.key, client.copy_object, **origin, **target)
        etag = answer["CopyObjectResult"].get("ETag", "")
    else:
        etag = await _copied_in_parts(client, source, origin, target)
    kind, metadata = source.content_type, source.metadata
    return ObjectInfo(bucket, key, source.size, etag.strip('"'), None, kind, metadata)


async def _copied_in_parts(
    client: Any, source: ObjectInfo, origin: dict[str, Any], target: dict[str, Any]
) -> str:
    bucket, key = source.bucket, source.key
    about = {"Metadata": dict(source.metadata)}
    kind = {"ContentType": source.content_type} if source.content_type else {}
    started = await _asked(bucket, key, client.create_multipart_upload, **target, **about, **kind)
    upload = {**target, "UploadId": started["UploadId"]}
    try:
        parts = []
        for number, span in enumerate(_spans(source.size), 1):
            copied = await _asked(
                bucket,
                key,
                client.upload_part_copy,
                PartNumber=number,
                CopySourceRange=span,
                **origin,
                **upload,
            )
            parts.append({"PartNumber": number, "ETag": copied["CopyPartResult"]["ETag"]})
        done = await _asked(
            bucket,
            key,
            client.complete_multipart_upload,
            MultipartUpload={"Parts": parts},
            **upload,
        )
    except BaseException:
        await _asked(bucket, key, client.abort_multipart_upload, **upload)
        raise
    etag: str = done["ETag"]
    return etag


def _spans(size: int) -> Iterator[str]:
    for start in range(0, size, COPY_PART):
        yield f"bytes={start}-{min(start + COPY_PART, size) - 1}"


async def presign(
    account: Account,
    method: Literal["GET", "PUT"],
    bucket: str,
    key: str,
    seconds: float,
) -> str:
    """Return a URL for one operation."""
    if await account.signer(account.region) is None:
        raise NotSupported("without credentials no URL can be signed", bucket=bucket, key=key)
    if not 1 <= seconds <= LONGEST:
        raise NotSupported(f"URLs can be valid from 1 second to a week, not {seconds:g} seconds")
    place = await account.place(bucket)
    client = await account.client(place.region)
    operation = {"GET": "get_object", "PUT": "put_object"}[method]
    url: str = await _asked(
        bucket,
        key,
        client.generate_presigned_url,
        ClientMethod=operation,
        Params={"Bucket": bucket, "Key": key},
        ExpiresIn=int(seconds),
    )
    return url
