"""Objects that are read over HTTP: their bytes as they come, counted and checked on their way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

import aiohttp

from greenlithops.backends.storage.connections import broken, where
from greenlithops.errors import (
    ChecksumMismatch,
    InvalidRange,
    NotSupported,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from types import TracebackType

    from greenlithops.objects import Buffer, ObjectInfo, Span

PARTIAL = 206
_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+)")


class Check(Protocol):
    """Follows the bytes of an object to compare their checksum with the stored one."""

    def take(self, piece: Buffer) -> None:
        """Take note of the next bytes."""
        ...

    def wrong(self) -> str:
        """Return what is wrong with all that came; empty if nothing is."""
        ...


def difference(name: str, found: str, expected: str) -> str:
    """Return in which checksum what came is not what was stored; empty if it is."""
    return "" if found == expected else f"came with the {name} {found}, was stored with {expected}"


def check_span(span: Span | None, bucket: str, key: str) -> None:
    """Raise `InvalidRange` for a span that no object has a byte in."""
    if span is not None and span.stop is not None and 0 <= span.stop <= max(span.start, 0):
        raise InvalidRange(f"{bucket}/{key}: nothing is in {span}", bucket=bucket, key=key)


class Reading:
    """An object that is read: its body in ``async with``.

    Args:
        asked: sends the request.
        info: makes what is known of the object from its size and the answer's headers.
        check: makes what follows the bytes of a whole object; None where nothing is stored.
        span: what was asked for.
    """

    def __init__(
        self,
        asked: Callable[[], Awaitable[aiohttp.ClientResponse]],
        info: Callable[[int, Mapping[str, str]], ObjectInfo],
        check: Callable[[Mapping[str, str]], Check | None],
        span: Span | None,
    ) -> None:
        self._asked = asked
        self._info = info
        self._check = check
        self._span = span
        self._response: aiohttp.ClientResponse | None = None

    async def __aenter__(self) -> Body:
        response = await self._asked()
        try:
            body = self._body(response)
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

    def _body(self, response: aiohttp.ClientResponse) -> Body:
        headers = response.headers
        length = headers.get("Content-Length")
        if response.status == PARTIAL:
            found = _RANGE.fullmatch(headers.get("Content-Range", ""))
            if found is None:
                raise NotSupported("the storage gave a range of unknown place")
            start, last, size = map(int, found.groups())
            if length is not None and int(length) != last + 1 - start:
                raise NotSupported(f"the storage gave {length} bytes as the range {found[0]!r}")
        elif length is None:
            raise NotSupported("the storage gave an object without telling its length")
        else:
            start, last, size = 0, int(length) - 1, int(length)
        info = self._info(size, headers)
        if self._span is not None:
            _check_given(self._span, info, (start, last + 1))
        whole = last + 1 - start == size
        return Body(response, info, start, last + 1, self._check(headers) if whole else None)


def _check_given(span: Span, info: ObjectInfo, given: tuple[int, int]) -> None:
    wanted = span.within(info.size)
    what = where(info.bucket, info.key)
    if wanted is None:
        raise InvalidRange(
            f"{what} has {info.size} bytes, none of them in {span}",
            bucket=info.bucket,
            key=info.key,
        )
    if wanted != given:
        raise NotSupported(
            f"{what}: asked for bytes {wanted}, the storage gives {given}",
            bucket=info.bucket,
            key=info.key,
        )


class Body:
    """The bytes of an object, or of a span of it."""

    def __init__(
        self,
        response: aiohttp.ClientResponse,
        info: ObjectInfo,
        start: int,
        stop: int,
        check: Check | None,
    ) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._response = response
        self._position = start
        self._check = check

    async def read(self) -> bytes:
        """Return all that has not been taken yet."""
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give it in pieces of at most 2 MiB; the last one after all of it was checked."""
        info = self.info
        while self._position < self.stop:
            try:
                piece = await self._response.content.readany()
            except (aiohttp.ClientError, OSError) as error:
                raise broken(error, info.bucket, info.key) from error
            if not piece:
                missing = f"{self.stop - self._position} bytes did not come"
                raise broken(aiohttp.ClientPayloadError(missing), info.bucket, info.key)
            self._position += len(piece)
            if self._check is not None:
                self._check.take(piece)
                if self._position >= self.stop and (wrong := self._check.wrong()):
                    what = where(info.bucket, info.key)
                    raise ChecksumMismatch(f"{what}: {wrong}", bucket=info.bucket, key=info.key)
            yield piece
