"""Objects that are read over HTTP: their bytes as they come, counted and checked on their way."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NoReturn, Protocol

from greenlithops.backends.http.answer import BrokenConnection
from greenlithops.backends.storage.connections import broken, where
from greenlithops.errors import (
    ChecksumMismatch,
    InvalidRange,
    NotSupported,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from types import TracebackType

    from greenlithops.backends.http.answer import Answer
    from greenlithops.objects import Buffer, ObjectInfo, Span

PARTIAL = 206
PIECE = 1 << 20  #: bytes that are given at a time
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
        asked: Callable[[], Awaitable[Answer]],
        info: Callable[[int, Mapping[str, str]], ObjectInfo],
        check: Callable[[Mapping[str, str]], Check | None],
        span: Span | None,
    ) -> None:
        self._asked = asked
        self._info = info
        self._check = check
        self._span = span
        self._answer: Answer | None = None

    async def __aenter__(self) -> Body:
        answer = await self._asked()
        try:
            body = self._body(answer)
        except BaseException:
            answer.release()
            raise
        self._answer = answer
        return body

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._answer is not None:
            self._answer.release()  # closes the connection if there is more to come

    def _body(self, answer: Answer) -> Body:
        headers = answer.headers
        length = headers.get("Content-Length")
        if answer.status == PARTIAL:
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
        whole = (start, last + 1) == (0, size)
        if self._span is not None:
            _check_given(self._span, info, (start, last + 1))
        elif not whole:
            what = where(info.bucket, info.key)
            raise NotSupported(f"{what}: asked for all, the storage gives {start}-{last} of {size}")
        return Body(answer, info, start, last + 1, self._check(headers) if whole else None)


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
        answer: Answer,
        info: ObjectInfo,
        start: int,
        stop: int,
        check: Check | None,
    ) -> None:
        self.info = info
        self.start = start
        self.stop = stop
        self._answer = answer
        self._position = start
        self._check = check

    async def read(self) -> bytes:
        """Return all that has not been taken yet, checked."""
        try:
            data = await self._answer.read(None if self._check is None else self._check.take)
        except BrokenConnection as error:
            raise broken(error, self.info.bucket, self.info.key) from error
        self._came(data)
        if self._position < self.stop:
            self._cut()
        return data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Give it in pieces of at most `PIECE`; the last one after all of it was checked."""
        while self._position < self.stop:
            try:
                piece = await self._answer.some(PIECE)
            except BrokenConnection as error:
                raise broken(error, self.info.bucket, self.info.key) from error
            if not piece:
                self._cut()
            if self._check is not None:
                self._check.take(piece)
            self._came(piece)
            yield piece

    def _came(self, piece: bytes) -> None:
        """Take note of the next bytes; when all are there, raise what is wrong with them."""
        info = self.info
        self._position += len(piece)
        if self._position > self.stop:
            raise NotSupported(f"{where(info.bucket, info.key)}: more came than was said")
        if (
            self._check is not None
            and self._position == self.stop
            and (wrong := self._check.wrong())
        ):
            raise ChecksumMismatch(
                f"{where(info.bucket, info.key)}: {wrong}", bucket=info.bucket, key=info.key
            )

    def _cut(self) -> NoReturn:
        missing = f"{self.stop - self._position} bytes did not come"
        raise broken(ConnectionResetError(missing), self.info.bucket, self.info.key)
