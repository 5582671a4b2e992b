"""The bytes of an object as they come, counted and checked on their way."""

from __future__ import annotations

import re
from calendar import timegm
from typing import TYPE_CHECKING

import aiohttp

from greenlithops.backends.storage.s3.checksums import stored_check
from greenlithops.backends.storage.s3.failures import broken
from greenlithops.backends.storage.s3.wire import Request
from greenlithops.errors import (
    ChecksumMismatch,
    InvalidRange,
    NotSupported,
    StorageUnavailable,
)
from greenlithops.objects import ObjectInfo

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping
    from types import TracebackType

    from greenlithops.backends.storage.s3.wire import Wire
    from greenlithops.objects import Span

PARTIAL = 206
METADATA = "x-amz-meta-"
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def info_of(bucket: str, key: str, size: int, headers: Mapping[str, str]) -> ObjectInfo:
    """Return what an answer's headers tell of an object."""
    metadata = {
        name[len(METADATA) :].lower(): value
        for name, value in headers.items()
        if name[: len(METADATA)].lower() == METADATA
    }
    return ObjectInfo(
        bucket,
        key,
        size,
        headers.get("ETag", "").removeprefix("W/").strip('"'),
        http_moment(headers.get("Last-Modified")),
        headers.get("Content-Type"),
        metadata,
    )


def http_moment(text: str | None) -> float | None:
    """Return a time as HTTP writes it (``Sun, 22 Nov 2026 02:33:24 GMT``) since the epoch."""
    if not text:
        return None
    day, month, year, clock = text[5:].split(" ")[:4]
    hour, minute, second = clock.split(":")
    moment = (int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second))
    return float(timegm(moment))


class Reading:
    """An object that is read: its body in ``async with``."""

    def __init__(
        self,
        wire: Wire,
        bucket: str,
        key: str,
        span: Span | None,
        headers: Mapping[str, str],
    ) -> None:
        self._wire = wire
        self._bucket = bucket
        self._key = key
        self._span = span
        self._headers = headers
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Body:
        response = await self._wire.send(Request("GET", self._bucket, self._key, "", self._headers))
        try:
            body = opened(response, self._bucket, self._key, self._span)
        except BaseException:
            response.release()
            raise
        self._response = response
        return body

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._response is not None:
            self._response.release()  # closes the connection if there is more to come


def opened(response: aiohttp.ClientResponse, bucket: str, key: str, span: Span | None) -> Body:
    """Return the body of an answer.

    Raises:
        InvalidRange: the server ignored the range, which has nothing of the object.
        NotSupported: the server ignored the range.
        StorageUnavailable: the answer does not tell how long it is.
    """
    headers = response.headers
    length = headers.get("Content-Length")
    if length is None:
        raise StorageUnavailable(f"{bucket}/{key}: an answer without its length", bucket=bucket)
    if response.status == PARTIAL:
        found = _RANGE.fullmatch(headers.get("Content-Range", ""))
        if found is None:
            raise NotSupported(f"{bucket}/{key}: a range of unknown place", bucket=bucket, key=key)
        start, last, size = map(int, found.groups())
        _check_answer(span, size, (start, last + 1), bucket, key)
        return Body(response, info_of(bucket, key, size, headers), start, last + 1)
    size = int(length)
    if span is not None:
        _check_answer(span, size, (0, size), bucket, key)
    return Body(response, info_of(bucket, key, size, headers), 0, size)


def _check_answer(
    span: Span | None, size: int, given: tuple[int, int], bucket: str, key: str
) -> None:
    wanted = (0, size) if span is None else span.within(size)
    if wanted is None:
        raise InvalidRange(f"{bucket}/{key} has only {size} bytes", bucket=bucket, key=key)
    if wanted != given:
        raise NotSupported(
            f"{bucket}/{key}: asked for bytes {wanted}, the storage gives {given}",
            bucket=bucket,
            key=key,
        )


class Body:
    """The bytes of an object, or of a span of it."""

    def __init__(
        self, response: aiohttp.ClientResponse, info: ObjectInfo, start: int, stop: int
    ) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._response = response
        self._position = start
        whole = start == 0 and stop == info.size
        self._check = stored_check(response.headers, info.etag) if whole else None

    async def read(self) -> bytes:
        """Return all that has not been taken yet."""
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give it in the pieces in which it comes; the last one after all of it was checked."""
        content = self._response.content
        while self._position < self.stop:
            try:
                piece, _ = await content.readchunk()  # as they came: joined once at most, above
            except (aiohttp.ClientError, OSError) as error:
                raise broken(error, self.info.bucket, self.info.key) from error
            if not piece:
                break
            self._position += len(piece)
            if self._check is not None:
                self._check.take(piece)
            if self._position >= self.stop:
                self._finish()
            yield piece
        if self._position != self.stop or self.start == self.stop:
            self._finish()

    def _finish(self) -> None:
        info = self.info
        if self._position != self.stop:
            missing = self.stop - self._position
            text = f"{missing} bytes of {self.stop - self.start} did not come"
            raise broken(aiohttp.ClientPayloadError(text), info.bucket, info.key)
        check = self._check
        if check is not None and check.result() != check.expected:
            raise ChecksumMismatch(
                f"{info.bucket}/{info.key} came with the {check.name} {check.result()}, but was "
                f"stored with {check.expected}",
                bucket=info.bucket,
                key=info.key,
            )
