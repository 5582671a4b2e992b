"""Storage in a Redis or Valkey server: for small objects that are needed soon."""

from __future__ import annotations

import secrets
import zlib
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, Self

from greenlithops.backends.storage.redis import scripts
from greenlithops.backends.storage.redis.body import FIRST, Body
from greenlithops.backends.storage.redis.layout import (
    PLAIN,
    check_names,
    info_of,
    name_of,
    object_names,
    part_name,
    written,
)
from greenlithops.backends.storage.redis.server import Server
from greenlithops.errors import (
    InvalidRange,
    NoSuchBucket,
    NoSuchUpload,
    NotSupported,
    StorageError,
)
from greenlithops.objects import ObjectInfo, Page, Part, Span, StorageLimits, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from greenlithops.objects import Buffer, ListQuery, PutOptions

PAGE = 1_000
WHOLE = Span(0)
MOST = 512 << 20  #: bytes of a string, by Redis' default


class RedisStorage:
    """Objects in Redis or Valkey.

    An object has at most 512 MiB, as Redis' strings. It is served by one server; Redis Cluster
    is not supported. The server must not evict (``maxmemory-policy noeviction``).

    Args:
        url: the server's address, as ``redis://user@host:6379/0``, ``rediss://`` for TLS or
            ``unix://``; the other options override what is in it.
        host: the server's name.
        port: its port.
        db: the number of the database.
        username: who asks; None for the default user.
        password: the user's password.
        ssl: use TLS.
        connections: how many at most.
        connect_timeout: seconds for a connection to be there.
        read_timeout: seconds in which an answer has to come.
        storage_bucket: as Lithops' configuration has it; has no effect on the backend.
        options: what else `redis.asyncio.Redis` takes.

    Raises:
        UsageError: there is no such option.
    """

    name = "redis"
    scheme = "redis"
    limits = StorageLimits(min_part=1, max_put=MOST)

    def __init__(
        self,
        *,
        url: str | None = None,
        host: str | None = None,
        port: int | None = None,
        db: int | None = None,
        username: str | None = None,
        password: str | None = None,
        ssl: bool | None = None,
        connections: int = 64,
        connect_timeout: float = 10.0,
        read_timeout: float = 60.0,
        storage_bucket: str | None = None,
        **options: Any,
    ) -> None:
        given = {
            "host": host,
            "port": port and int(port),
            "db": db and int(db),
            "username": username,
            "password": password,
            "ssl": ssl,
            "socket_connect_timeout": connect_timeout,
            "socket_timeout": read_timeout,
            **options,
        }
        chosen = {name: value for name, value in given.items() if value is not None}
        self._server = Server(url or "", connections, chosen)
        self._where = f"{host or 'localhost'}:{port or 6379}" if url is None else "its URL"

    def __repr__(self) -> str:
        return f"<RedisStorage at {self._where}>"

    async def __aenter__(self) -> Self:
        self._server.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._server.close()

    # Buckets.

    async def create_bucket(self, bucket: str) -> None:
        """Make a bucket."""
        check_names(bucket, bucket)
        await self._server.command(bucket, "SET", name_of("bucket", bucket), 1)

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket is there."""
        check_names(bucket, bucket)
        if not await self._server.command(bucket, "EXISTS", name_of("bucket", bucket)):
            raise NoSuchBucket(f"there is no bucket {bucket}", bucket=bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        names = [name_of(kind, bucket) for kind in ("bucket", "index", "uploads")]
        beginnings = [name_of("upload", bucket, ""), name_of("part", bucket, "")]
        await self._server.run(scripts.DELETE_BUCKET, names, beginnings, bucket)

    # Objects.

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        check_names(bucket, key)
        etag = secrets.token_hex(8)
        values = [key.encode(), bytes(body), *written(options, etag), zlib.crc32(body)]
        names = [name_of("bucket", bucket), *object_names(bucket, key), name_of("index", bucket)]
        moment = await self._server.run(scripts.PUT, names, values, bucket, key)
        kind = options.content_type or PLAIN
        return ObjectInfo(bucket, key, len(body), etag, float(moment), kind, options.metadata)

    @asynccontextmanager
    async def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AsyncIterator[Body]:
        """Read an object."""
        check_names(bucket, key)
        if span is not None and span.stop is not None and span.stop < 0:
            raise InvalidRange(f"{bucket}/{key}: nothing is in {span}", bucket=bucket, key=key)
        yield await self._body(bucket, key, span, if_match)

    async def _body(
        self, bucket: str, key: str, span: Span | None, if_match: str | None, most: int = FIRST
    ) -> Body:
        wanted = span or WHOLE
        stop = "" if wanted.stop is None else wanted.stop
        asked = [wanted.start, stop, if_match or "", int(span is not None), most]
        names = [name_of("bucket", bucket), *object_names(bucket, key)]
        found, start, end, data = await self._server.run(scripts.READ, names, asked, bucket, key)
        info = info_of(bucket, key, found)
        whole = end - start == info.size and found[5]
        # Who reads on in an object that is being overwritten gets it at one moment.
        again = None if if_match else partial(self._body, bucket, key, span, None, MOST)
        crc = int(found[5]) if whole else None
        return Body(self._server, info, start, end, first=data, crc=crc, again=again)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        check_names(bucket, key)
        names = [name_of("bucket", bucket), *object_names(bucket, key)]
        found, *_ = await self._server.run(scripts.READ, names, [0, 0, "", 0, 0], bucket, key)
        return info_of(bucket, key, found)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return a thousand entries; the token is where the next ones begin."""
        check_names(bucket, bucket)
        prefix, after = query.prefix.encode(), query.start_after.encode()
        if token is not None:
            begin = token.encode("latin-1")
        elif after >= prefix and after:
            begin = b"(" + after
        else:
            begin = b"[" + prefix if prefix else b"-"
        asked = [prefix, query.delimiter.encode(), begin, PAGE, name_of("info", bucket, "")]
        names = [name_of("bucket", bucket), name_of("index", bucket)]
        objects, prefixes, last = await self._server.run(scripts.LIST, names, asked, bucket)
        return Page(
            [
                ObjectInfo(bucket, key.decode(), int(size), etag.decode(), float(modified))
                for key, size, etag, modified in objects
            ],
            [name.decode() for name in prefixes],
            last.decode("latin-1") or None,
        )

    async def delete(self, bucket: str, keys: Sequence[str]) -> Mapping[str, StorageError]:
        """Delete objects, all at one moment."""
        for key in keys:
            check_names(bucket, key)
        names = [name_of("bucket", bucket), name_of("index", bucket)]
        for key in keys:
            names += object_names(bucket, key)
        await self._server.run(scripts.DELETE, names, [key.encode() for key in keys], bucket)
        return {}

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object within the server."""
        check_names(bucket, key)
        names = [
            name_of("bucket", source.bucket),
            *object_names(source.bucket, source.key),
            name_of("bucket", bucket),
            *object_names(bucket, key),
            name_of("index", bucket),
        ]
        asked = [source.etag, key.encode(), secrets.token_hex(8)]
        found = await self._server.run(scripts.COPY, names, asked, source.bucket, source.key)
        return info_of(bucket, key, found)

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Refuse: Redis has no URLs for its values."""
        raise NotSupported("Redis has no URLs for objects", bucket=bucket, key=key)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that comes in parts."""
        check_names(bucket, key)
        upload = Upload(bucket, key, secrets.token_hex(12))
        names = [name_of("bucket", bucket), name_of("upload", bucket, upload.id)]
        names.append(name_of("uploads", bucket))
        await self._server.run(scripts.START, names, [upload.id], bucket, key)
        return upload

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Keep a part."""
        names = [name_of("upload", upload.bucket, upload.id), part_name(upload, number)]
        values = [number, bytes(body)]
        await self._server.run(scripts.PART, names, values, upload.bucket, upload.key)
        return Part(number, str(number), len(body))

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that are there."""
        name = name_of("upload", upload.bucket, upload.id)
        found = await self._server.command(upload.bucket, "HGETALL", name)
        if not found:
            raise NoSuchUpload(
                f"the upload of {upload.key} is over", bucket=upload.bucket, key=upload.key
            )
        sizes = {int(n): int(size) for n, size in found.items() if n != b"begun"}
        return [Part(number, str(number), sizes[number]) for number in sorted(sizes)]

    async def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Make the object of its parts, at one moment."""
        bucket, key = upload.bucket, upload.key
        if sum(part.size for part in parts) > MOST:
            raise NotSupported("an object in Redis has 512 MiB at most", bucket=bucket, key=key)
        etag = secrets.token_hex(8)
        names = [name_of("bucket", bucket), *object_names(bucket, key), name_of("index", bucket)]
        names += [name_of("upload", bucket, upload.id), name_of("uploads", bucket)]
        names += [part_name(upload, part.number) for part in parts]
        asked = [key.encode(), upload.id, *written(options, etag), name_of("part", bucket, "")]
        found = await self._server.run(scripts.FINISH, names, asked, bucket, key)
        moment, size = float(found[0]), int(found[1])
        kind = options.content_type or PLAIN
        return ObjectInfo(bucket, key, size, etag, moment, kind, options.metadata)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts."""
        bucket = upload.bucket
        names = [name_of("upload", bucket, upload.id), name_of("uploads", bucket)]
        asked = [upload.id, name_of("part", bucket, "")]
        await self._server.run(scripts.ABORT, names, asked, bucket, upload.key)
