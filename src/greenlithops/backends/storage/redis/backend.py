"""Storage in a Redis or Valkey server: for small objects that are needed soon."""

from __future__ import annotations

import json
import secrets
import zlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Literal, Self

from greenlithops.backends.storage.names import check_key
from greenlithops.backends.storage.redis import scripts
from greenlithops.backends.storage.redis.server import Server
from greenlithops.errors import (
    ChecksumMismatch,
    InvalidName,
    InvalidRange,
    NoSuchBucket,
    NoSuchUpload,
    NotSupported,
    StorageError,
)
from greenlithops.objects import ObjectInfo, Page, Part, StorageLimits, Upload

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from types import TracebackType

    from greenlithops.objects import Buffer, ListQuery, PutOptions, Span

PAGE = 1_000
FIRST = 4 << 20  #: bytes of an object that come with what is known of it
PIECE = 1 << 20
MOST = 512 << 20  #: bytes of a string, by Redis' default
PLAIN = "application/octet-stream"


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
        _check(bucket, bucket)
        await self._server.command(bucket, "SET", _name("bucket", bucket), 1)

    async def head_bucket(self, bucket: str) -> None:
        """Return if the bucket is there."""
        _check(bucket, bucket)
        if not await self._server.command(bucket, "EXISTS", _name("bucket", bucket)):
            raise NoSuchBucket(f"there is no bucket {bucket}", bucket=bucket)

    async def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        names = [_name(kind, bucket) for kind in ("bucket", "index", "uploads")]
        beginnings = [_name("upload", bucket, ""), _name("part", bucket, "")]
        await self._server.run(scripts.DELETE_BUCKET, names, beginnings, bucket)

    # Objects.

    async def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        _check(bucket, key)
        etag = secrets.token_hex(8)
        written = [key.encode(), bytes(body), *_written(options, etag), zlib.crc32(body)]
        names = [_name("bucket", bucket), *_object(bucket, key), _name("index", bucket)]
        moment = await self._server.run(scripts.PUT, names, written, bucket, key)
        kind = options.content_type or PLAIN
        return ObjectInfo(bucket, key, len(body), etag, float(moment), kind, options.metadata)

    @asynccontextmanager
    async def open(
        self, bucket: str, key: str, span: Span | None = None, *, if_match: str | None = None
    ) -> AsyncIterator[Body]:
        """Read an object."""
        _check(bucket, key)
        start, stop = (0, None) if span is None else (span.start, span.stop)
        if stop is not None and stop < 0:
            raise InvalidRange(f"{bucket}/{key}: nothing is in {span}", bucket=bucket, key=key)
        asked = [start, "" if stop is None else stop, if_match or "", int(span is not None), FIRST]
        names = [_name("bucket", bucket), *_object(bucket, key)]
        found, start, stop, data = await self._server.run(scripts.READ, names, asked, bucket, key)
        info = _info(bucket, key, found)
        whole = stop - start == info.size and found[5]
        crc = int(found[5]) if whole else None
        yield Body(self._server, info, start, stop, first=data, crc=crc)

    async def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        _check(bucket, key)
        names = [_name("bucket", bucket), *_object(bucket, key)]
        found, *_ = await self._server.run(scripts.READ, names, [0, 0, "", 0, 0], bucket, key)
        return _info(bucket, key, found)

    async def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return a thousand entries; the token is where the next ones begin."""
        _check(bucket, bucket)
        prefix, after = query.prefix.encode(), query.start_after.encode()
        if token is not None:
            begin = token.encode("latin-1")
        elif after >= prefix and after:
            begin = b"(" + after
        else:
            begin = b"[" + prefix if prefix else b"-"
        asked = [prefix, query.delimiter.encode(), begin, PAGE, _name("info", bucket, "")]
        names = [_name("bucket", bucket), _name("index", bucket)]
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
            _check(bucket, key)
        names = [_name("bucket", bucket), _name("index", bucket)]
        for key in keys:
            names += _object(bucket, key)
        await self._server.run(scripts.DELETE, names, [key.encode() for key in keys], bucket)
        return {}

    async def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object within the server."""
        _check(bucket, key)
        names = [
            _name("bucket", source.bucket),
            *_object(source.bucket, source.key),
            _name("bucket", bucket),
            *_object(bucket, key),
            _name("index", bucket),
        ]
        asked = [source.etag, key.encode(), secrets.token_hex(8)]
        found = await self._server.run(scripts.COPY, names, asked, source.bucket, source.key)
        return _info(bucket, key, found)

    async def presign(
        self, method: Literal["GET", "PUT"], bucket: str, key: str, seconds: float
    ) -> str:
        """Refuse: Redis has no URLs for its values."""
        raise NotSupported("Redis has no URLs for objects", bucket=bucket, key=key)

    # Parts.

    async def start_upload(self, bucket: str, key: str, options: PutOptions) -> Upload:
        """Begin an object that comes in parts."""
        _check(bucket, key)
        upload = Upload(bucket, key, secrets.token_hex(12))
        names = [_name("bucket", bucket), _name("upload", bucket, upload.id)]
        names.append(_name("uploads", bucket))
        await self._server.run(scripts.START, names, [upload.id], bucket, key)
        return upload

    async def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Keep a part."""
        names = [_name("upload", upload.bucket, upload.id), _part(upload, number)]
        written = [number, bytes(body)]
        await self._server.run(scripts.PART, names, written, upload.bucket, upload.key)
        return Part(number, str(number), len(body))

    async def uploaded_parts(self, upload: Upload) -> Sequence[Part]:
        """Return the parts that are there."""
        name = _name("upload", upload.bucket, upload.id)
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
        names = [_name("bucket", bucket), *_object(bucket, key), _name("index", bucket)]
        names += [_name("upload", bucket, upload.id), _name("uploads", bucket)]
        names += [_part(upload, part.number) for part in parts]
        asked = [key.encode(), upload.id, *_written(options, etag), _name("part", bucket, "")]
        found = await self._server.run(scripts.FINISH, names, asked, bucket, key)
        moment, size = float(found[0]), int(found[1])
        kind = options.content_type or PLAIN
        return ObjectInfo(bucket, key, size, etag, moment, kind, options.metadata)

    async def abort_upload(self, upload: Upload) -> None:
        """Drop the parts."""
        bucket = upload.bucket
        names = [_name("upload", bucket, upload.id), _name("uploads", bucket)]
        asked = [upload.id, _name("part", bucket, "")]
        await self._server.run(scripts.ABORT, names, asked, bucket, upload.key)


class Body:
    """The bytes of an object, or of a span of it."""

    def __init__(
        self,
        server: Server,
        info: ObjectInfo,
        start: int,
        stop: int,
        *,
        first: bytes,
        crc: int | None,
    ) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._server = server
        self._first = first
        self._position = start
        self._expected = crc
        self._crc = 0

    async def read(self) -> bytes:
        """Return all that has not been taken yet."""
        return b"".join([piece async for piece in self.chunks(FIRST)])

    async def chunks(self, size: int = PIECE) -> AsyncIterator[bytes]:
        """Give it in pieces; the first one came with what is known of the object."""
        while self._position < self.stop:
            piece, self._first = self._first, b""
            if not piece:
                until = min(self._position + size, self.stop)
                names = _object(self.info.bucket, self.info.key)
                asked = [self.info.etag, self._position, until]
                piece = await self._server.run(
                    scripts.MORE, names, asked, self.info.bucket, self.info.key
                )
            self._take(piece)
            yield piece

    def _take(self, piece: bytes) -> None:
        info = self.info
        if not piece:
            raise StorageError(
                f"{info.bucket}/{info.key}: the server has dropped its bytes; it must not evict",
                bucket=info.bucket,
                key=info.key,
            )
        self._position += len(piece)
        if self._expected is None:
            return
        self._crc = zlib.crc32(piece, self._crc)
        if self._position >= self.stop and self._crc != self._expected:
            raise ChecksumMismatch(
                f"{info.bucket}/{info.key}: the bytes have the CRC-32 {self._crc:08x}, but were "
                f"stored with {self._expected:08x}",
                bucket=info.bucket,
                key=info.key,
            )


def _check(bucket: str, key: str) -> None:
    check_key(bucket, key)
    if "/" in bucket:
        raise InvalidName(f"a bucket's name has no slash: {bucket!r}", bucket=bucket)


def _name(kind: str, bucket: str, key: str | None = None) -> bytes:
    end = "" if key is None else f"/{key}"
    return f"greenlithops/{kind}/{bucket}{end}".encode()


def _object(bucket: str, key: str) -> list[bytes]:
    return [_name("info", bucket, key), _name("data", bucket, key)]


def _part(upload: Upload, number: int) -> bytes:
    return _name("part", upload.bucket, f"{upload.id}/{number}")


def _written(options: PutOptions, etag: str) -> list[Any]:
    """Return what the scripts that write an object are told of it."""
    return [
        int(options.if_absent),
        options.if_match or "",
        etag,
        (options.content_type or PLAIN).encode(),
        json.dumps(dict(options.metadata)),
    ]


def _info(bucket: str, key: str, found: Sequence[bytes]) -> ObjectInfo:
    size, etag, modified, kind, metadata = found[:5]
    return ObjectInfo(
        bucket,
        key,
        int(size),
        etag.decode(),
        float(modified),
        kind.decode(),
        json.loads(metadata),
    )
