"""Objects that are sent in parts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from greenlithops.backends.storage.s3 import documents
from greenlithops.backends.storage.s3.sigv4 import query_string
from greenlithops.backends.storage.s3.wire import Request
from greenlithops.backends.storage.s3.writing import object_headers, verified, with_checksum
from greenlithops.errors import NoSuchKey, NoSuchUpload
from greenlithops.objects import ObjectInfo, Part, Upload

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.backends.storage.s3.options import Options
    from greenlithops.backends.storage.s3.wire import Wire
    from greenlithops.objects import Buffer, PutOptions


async def start(wire: Wire, options: Options, bucket: str, key: str, put: PutOptions) -> Upload:
    """Begin an upload."""
    headers = object_headers(put, options)
    if options.checksum == "crc32c":
        # Of the whole object, so that whoever gets it can check it, however many parts it had.
        headers["x-amz-checksum-algorithm"] = "CRC32C"
        headers["x-amz-checksum-type"] = "FULL_OBJECT"
    request = Request("POST", bucket, key, "uploads=", headers)
    root = await wire.ask(request, "InitiateMultipartUploadResult")
    return Upload(bucket, key, documents.texts(root)["UploadId"])


async def put_part(wire: Wire, options: Options, upload: Upload, number: int, body: Buffer) -> Part:
    """Send a part."""
    bucket, key = upload.bucket, upload.key
    query = query_string({"partNumber": str(number), "uploadId": upload.id})
    headers, checksum = await with_checksum({}, body, options.checksum)
    response = await wire.send(Request("PUT", bucket, key, query, headers, body))
    response.release()
    etag, echoed = await verified(response.headers, body, checksum, bucket, key)
    return Part(number, etag, len(body), checksum if echoed else "")


async def parts(wire: Wire, upload: Upload, sent: Mapping[int, Part]) -> list[Part]:
    """Return the parts that the server has.

    Some servers keep a part that was sent again beside the earlier one. Then the one in `sent`
    is meant; if it is not there, the part counts as missing.
    """
    found: dict[int, list[Part]] = {}
    after: str | None = None
    while True:
        asked = {"uploadId": upload.id, "max-parts": "1000"}
        if after is not None:
            asked["part-number-marker"] = after
        request = Request("GET", upload.bucket, upload.key, query_string(asked))
        try:
            root = await wire.ask(request, "ListPartsResult")
        except NoSuchKey as error:  # as Ceph calls it
            what = f"{upload.bucket}/{upload.key}: there is no such upload"
            raise NoSuchUpload(what, bucket=upload.bucket, key=upload.key) from error
        some, after = documents.parts(root)
        for part in some:
            found.setdefault(part.number, []).append(part)
        if after is None:
            break
    chosen = (_chosen(same, sent.get(number)) for number, same in sorted(found.items()))
    return [part for part in chosen if part is not None]


def _chosen(same: Sequence[Part], sent: Part | None) -> Part | None:
    etags = {part.etag for part in same}
    if sent is not None and sent.etag in etags:
        return sent
    return same[0] if len(etags) == 1 else None


async def finish(
    wire: Wire, upload: Upload, sent: Sequence[Part], put: PutOptions, condition: Mapping[str, str]
) -> ObjectInfo:
    """Make the object of its parts."""
    bucket, key = upload.bucket, upload.key
    headers = {"content-type": "application/xml", **condition}
    query = query_string({"uploadId": upload.id})
    body = documents.completion(sent)
    request = Request("POST", bucket, key, query, headers, body)
    root = await wire.ask(request, "CompleteMultipartUploadResult")
    sizes = [part.size for part in sent]
    return ObjectInfo(
        bucket,
        key,
        -1 if -1 in sizes else sum(sizes),
        documents.texts(root).get("ETag", "").strip('"'),
        None,
        put.content_type,
        put.metadata,
    )


async def abort(wire: Wire, upload: Upload) -> None:
    """Drop what was sent."""
    query = query_string({"uploadId": upload.id})
    try:
        response = await wire.send(Request("DELETE", upload.bucket, upload.key, query))
    except NoSuchUpload:
        return
    response.release()
