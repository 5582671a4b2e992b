"""Objects in parts: blocks of a blob of their own, which is copied to its place at the end.

Blocks that are sent for a blob are dropped as soon as anybody writes it. So those of an upload go
to a name that nobody else writes to; the last of several writers of an object wins.
"""

from __future__ import annotations

import base64
import secrets
from typing import TYPE_CHECKING

from greenlithops.backends.storage.azure import documents
from greenlithops.backends.storage.azure.md5 import md5
from greenlithops.backends.storage.azure.values import conditions, put_info, written
from greenlithops.backends.storage.names import PARTS
from greenlithops.errors import NoSuchKey, NoSuchUpload
from greenlithops.objects import Part, PutOptions, Upload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.backends.storage.azure.backend import AzureStorage
    from greenlithops.objects import Buffer, ObjectInfo

TRIES = 3  #: what is not deleted when an upload ends would stay for ever


def start(bucket: str, key: str) -> Upload:
    """Return a new upload; the service knows nothing of it before its first part."""
    return Upload(bucket, key, secrets.token_hex(16))


async def put_part(storage: AzureStorage, upload: Upload, number: int, body: Buffer) -> Part:
    """Send a part, as a block."""
    name = _block(upload, number)
    query = {"comp": "block", "blockid": name}
    headers = {"content-md5": await md5(body)}
    await storage.ask("PUT", upload.bucket, _place(upload), query, headers=headers, body=body)
    return Part(number, name, len(body))


async def parts(storage: AzureStorage, upload: Upload) -> Sequence[Part]:
    """Return the parts that the service has; an upload without any is none."""
    query = {"comp": "blocklist", "blocklisttype": "uncommitted"}
    try:
        _, data = await storage.ask("GET", upload.bucket, _place(upload), query)
    except NoSuchKey:
        raise over(upload) from None
    found = [Part(_number(upload, name), name, size) for name, size in documents.blocks(data)]
    if not found:
        raise over(upload)
    return sorted(found, key=lambda part: part.number)


async def finish(
    storage: AzureStorage, upload: Upload, wanted: Sequence[Part], options: PutOptions
) -> ObjectInfo:
    """Make the object of its parts.

    Raises:
        NoSuchUpload: it is over, or a part is not there.
        PreconditionFailed: the object is not what `options` demand.
    """
    bucket, place = upload.bucket, _place(upload)
    body = documents.block_list(part.etag for part in wanted)
    headers = {**written(options), "content-md5": await md5(body)}
    await storage.ask("PUT", bucket, place, {"comp": "blocklist"}, headers=headers, body=body)
    answer = await storage.copied(bucket, place, bucket, upload.key, conditions(options))
    await _delete(storage, upload)
    size = sum(part.size for part in wanted)
    return put_info(bucket, upload.key, size, answer, options)


async def drop(storage: AzureStorage, upload: Upload) -> None:
    """Have the service forget the blocks: it does when the blob is written."""
    await storage.put(upload.bucket, _place(upload), b"", PutOptions())
    await _delete(storage, upload)


async def _delete(storage: AzureStorage, upload: Upload) -> None:
    place = _place(upload)
    for _ in range(TRIES):
        errors = await storage.delete(upload.bucket, [place])
        if not errors:
            return
    raise errors[place]


def over(upload: Upload) -> NoSuchUpload:
    """Return the error for an upload that is none any more."""
    return NoSuchUpload(f"the upload of {upload.key} is over", bucket=upload.bucket, key=upload.key)


def _place(upload: Upload) -> str:
    return f"{PARTS}{upload.id}"


def _block(upload: Upload, number: int) -> str:
    """Return a block's name: those of one blob must be of one length."""
    return base64.b64encode(f"{upload.id}{number:06d}".encode()).decode()


def _number(upload: Upload, block: str) -> int:
    return int(base64.b64decode(block)[len(upload.id) :])
