"""What can be written to storage, as parts of a given size: text, bytes, files, streams."""

from __future__ import annotations

import io
import os
from collections.abc import AsyncGenerator, AsyncIterable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from greenlithops.objects import Buffer


def as_bytes(body: object) -> memoryview | None:
    """Return a body that is in memory as bytes; None if it has to be read from somewhere."""
    if isinstance(body, str):
        return memoryview(body.encode())
    if isinstance(body, (bytes, bytearray)):
        return memoryview(body)
    try:
        view = memoryview(body)  # type: ignore[arg-type]  # tried, not known
    except TypeError:
        return None
    if not view.c_contiguous:
        return memoryview(view.tobytes())
    return view.cast("B") if view.nbytes else memoryview(b"")


def slices(view: memoryview, size: int) -> Iterable[memoryview]:
    """Give bytes in parts of `size`; one empty part if there are none."""
    for start in range(0, len(view) or 1, size):
        yield view[start : start + size]


def pieces(body: Any) -> AsyncGenerator[Buffer]:
    """Give what can be read from a body, in pieces of any length.

    Args:
        body: a binary or text file object, a path (`os.PathLike`), an asynchronous or plain
            iterable of bytes, or an object with an asynchronous ``read(size)``.

    Raises:
        UsageError: it is nothing of that.
    """
    if isinstance(body, os.PathLike):
        return _of_path(body)
    if isinstance(body, AsyncIterable):
        return _of_stream(body)
    if hasattr(body, "read"):
        return _of_file(body)
    if isinstance(body, Iterable) and not isinstance(body, (Mapping, AbstractSet)):
        return _of_iterable(body)
    raise UsageError(
        "an object's content is text, bytes, a file, a path or an iterable of bytes, "
        f"not {type(body).__name__}"
    )


READ_BYTES = 1 << 20
_END = object()


async def _of_path(path: os.PathLike[str]) -> AsyncGenerator[Buffer]:
    file = await off_loop(io.FileIO, path, discard=io.FileIO.close)
    try:
        async for piece in _of_file(file):
            yield piece
    finally:
        file.close()


async def _of_file(file: Any) -> AsyncGenerator[Buffer]:
    while True:
        data = await off_loop(file.read, READ_BYTES)
        if hasattr(data, "__await__"):
            data = await data
        if data is None:  # which is not the end
            raise UsageError("the file does not block, and gives nothing just now: let it block")
        if not data:
            return
        yield checked_piece(data)


async def _of_stream(stream: AsyncIterable[Any]) -> AsyncGenerator[Buffer]:
    async for piece in stream:
        if len(view := checked_piece(piece)):
            yield view


async def _of_iterable(iterable: Iterable[Any]) -> AsyncGenerator[Buffer]:
    iterator = iter(iterable)
    while True:
        piece = await off_loop(next, iterator, _END)
        if piece is _END:
            return
        if len(view := checked_piece(piece)):
            yield view


def checked_piece(piece: Any) -> Buffer:
    """Return a piece of a body as bytes; text is UTF-8."""
    view = as_bytes(piece)
    if view is None:
        raise UsageError(f"an object's content comes in bytes, not in {type(piece).__name__}")
    return view


async def in_parts(
    source: AsyncGenerator[Buffer], first_bytes: int, *, grow: bool
) -> AsyncGenerator[Buffer]:
    """Give what a source gives, in parts; close it then.

    Storage takes at most 10,000 parts. So those of a source of unknown length `grow`: after each
    3,000 they are four times as large, and a terabyte fits from 8 MiB on.
    """
    number = 1
    part = bytearray()
    async with aclosing(source):
        async for piece in source:
            view = memoryview(piece)
            while view:
                size = part_size(number, first_bytes) if grow else first_bytes
                taken = view[: size - len(part)]
                part += taken
                view = view[len(taken) :]
                if len(part) == size:
                    yield part
                    part = bytearray()
                    number += 1
    if part or number == 1:
        yield part


def part_size(number: int, first_bytes: int) -> int:
    """Return the bytes of the part of a number (from 1) of an upload of unknown length."""
    return first_bytes << 2 * ((number - 1) // 3000)
