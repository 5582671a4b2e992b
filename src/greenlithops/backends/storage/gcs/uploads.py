"""Objects in parts: each part is an object of its own until the service joins them.

So parts may be sent at once, in any order, by any process, and survive all of them. Beside the
parts there is a mark, without which an upload is over.
"""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from greenlithops.backends.storage.gcs.crc32c import checksum, joined
from greenlithops.backends.storage.gcs.names import object_path
from greenlithops.backends.storage.gcs.values import FIELDS, condition, info_of, resource
from greenlithops.backends.storage.names import PARTS
from greenlithops.errors import ChecksumMismatch, NoSuchKey, NoSuchUpload, StorageError
from greenlithops.objects import ListQuery, ObjectInfo, Part, PutOptions, Upload
from greenlithops.offload import together

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.backends.storage.gcs.backend import GcsStorage
    from greenlithops.objects import Buffer

JOINED_AT_ONCE = 32  #: objects, by the service's rule
AT_ONCE = 8
TRIES = 3  #: what is not deleted when an upload ends would stay for ever
PLAIN = PutOptions()


async def start(storage: GcsStorage, bucket: str, key: str) -> Upload:
    """Begin an upload."""
    upload = Upload(bucket, key, secrets.token_hex(16))
    await storage.put(bucket, _mark(upload), key.encode(), PLAIN)
    return upload


async def put_part(storage: GcsStorage, upload: Upload, number: int, body: Buffer) -> Part:
    """Send a part; look afterwards whether it was still wanted."""
    name = f"{_folder(upload)}{number:05d}"
    info = await storage.put(upload.bucket, name, body, PLAIN)
    try:
        await storage.head(upload.bucket, _mark(upload))
    except NoSuchKey:
        await _delete(storage, upload.bucket, [name])
        raise _over(upload) from None
    return Part(number, info.etag, info.size, checksum(body))


async def parts(storage: GcsStorage, upload: Upload) -> list[Part]:
    """Return the parts that are there."""
    found = await _everything(storage, upload)
    if not any(item["name"] == _mark(upload) for item in found):
        raise _over(upload)
    return [
        Part(int(name), str(item["generation"]), int(item["size"]), item["crc32c"])
        for item in found
        if (name := item["name"].rpartition("/")[2]).isdecimal()
    ]


async def finish(
    storage: GcsStorage, upload: Upload, wanted: Sequence[Part], options: PutOptions
) -> ObjectInfo:
    """Join the parts, check the whole, and delete them.

    Raises:
        NoSuchUpload: it is over, or a part is not there.
        ChecksumMismatch: a part, or the whole, is not what was sent.
    """
    have = {part.number: part for part in await parts(storage, upload)}
    for part in wanted:
        found = have.get(part.number)
        if found is None:
            raise _over(upload)
        if part.checksum and part.checksum != found.checksum:
            raise ChecksumMismatch(
                f"part {part.number} of {upload.key} is another one by now",
                bucket=upload.bucket,
                key=upload.key,
            )
    chosen = [have[part.number] for part in wanted]
    sources = [(f"{_folder(upload)}{part.number:05d}", part.etag) for part in chosen]
    level = 0
    while len(sources) > JOINED_AT_ONCE:
        level += 1
        sources = await _halfway(storage, upload, sources, level)
    info, crc = await _composed(storage, upload.bucket, upload.key, sources, options)
    if crc != joined(chosen):
        raise ChecksumMismatch(
            f"{upload.key} was joined of other bytes than were sent",
            bucket=upload.bucket,
            key=upload.key,
        )
    await drop(storage, upload)
    return info


async def _halfway(
    storage: GcsStorage, upload: Upload, sources: Sequence[tuple[str, str]], level: int
) -> list[tuple[str, str]]:
    """Join objects to a thirty-second of their number."""
    room = asyncio.Semaphore(AT_ONCE)

    async def one(start: int) -> tuple[str, str]:
        name = f"{_folder(upload)}joined-{level}-{start:05d}"
        group = sources[start : start + JOINED_AT_ONCE]
        async with room:
            info, _ = await _composed(storage, upload.bucket, name, group, PLAIN)
        return name, info.etag

    return await together(one(start) for start in range(0, len(sources), JOINED_AT_ONCE))


async def _composed(
    storage: GcsStorage,
    bucket: str,
    key: str,
    sources: Sequence[tuple[str, str]],
    options: PutOptions,
) -> tuple[ObjectInfo, str]:
    """Return an object made of others, by names and generations, and its CRC-32C."""
    query = {"fields": FIELDS, **condition(options, bucket, key)}
    wanted = {
        "destination": resource(options),
        "sourceObjects": [
            {
                "name": name,
                "generation": generation,
                "objectPreconditions": {"ifGenerationMatch": generation},
            }
            for name, generation in sources
        ],
    }
    url = f"{object_path(bucket, key)}/compose?{urlencode(query)}"
    found = await storage.ask("POST", url, bucket, key, wanted)
    return info_of(bucket, found), found["crc32c"]


async def drop(storage: GcsStorage, upload: Upload) -> None:
    """Delete the mark, and then everything else, so that a part which comes late sees it."""
    await _delete(storage, upload.bucket, [_mark(upload)])
    left = [item["name"] for item in await _everything(storage, upload)]
    await _delete(storage, upload.bucket, left)


async def _everything(storage: GcsStorage, upload: Upload) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    token = None
    while True:
        page = await storage.listed(upload.bucket, ListQuery(_folder(upload)), token)
        found += page.get("items", ())
        token = page.get("nextPageToken")
        if not token:
            return found


async def _delete(storage: GcsStorage, bucket: str, names: Sequence[str]) -> None:
    for _ in range(TRIES):
        errors = await storage.delete(bucket, names)
        if not errors:
            return
        names = [*errors]
    raise errors[names[0]]


def _folder(upload: Upload) -> str:
    return f"{PARTS}{upload.id}/"


def _mark(upload: Upload) -> str:
    return f"{_folder(upload)}mark"


def _over(upload: Upload) -> StorageError:
    return NoSuchUpload(f"the upload of {upload.key} is over", bucket=upload.bucket, key=upload.key)
