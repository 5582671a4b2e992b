"""Objects into files: in parallel parts, resumable, whole at the destination or not at all."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import secrets
from contextlib import aclosing, contextmanager
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ChecksumMismatch
from greenlithops.files import write_at
from greenlithops.objects import Span
from greenlithops.offload import off_loop, to_the_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.arguments import Teller
    from greenlithops.storage.operations import Operations

SUFFIX = ".greenlithops-part"  #: of a download that is not whole yet, beside its destination


async def download(
    operations: Operations,
    bucket: str,
    key: str,
    path: Path,
    *,
    part_bytes: int,
    parallel: int,
    resume: bool,
    told: Teller,
) -> ObjectInfo:
    """Write an object to a file, which is there when it is whole, and not before."""
    info = await operations.head(bucket, key)
    told.total = info.size
    await off_loop(_make_room, path)
    # Two at once would otherwise write to the same one; what is resumed must be found again.
    tag = "" if resume else f".{secrets.token_hex(4)}"
    partial = path.with_name(f"{path.name}{tag}{SUFFIX}")
    record = partial.with_name(partial.name + ".json")
    identity = [info.etag, info.size, part_bytes]
    done = await off_loop(_prepared, partial, record, identity) if resume else set()
    descriptor = await off_loop(os.open, partial, os.O_RDWR | os.O_CREAT, 0o666, discard=os.close)
    file = _File(descriptor, partial)
    try:
        await file.do(os.ftruncate, info.size)
        starts = range(0, info.size, part_bytes)
        told(sum(min(part_bytes, info.size - start) for start in starts if start in done))
        room = asyncio.Semaphore(parallel)
        writing = asyncio.Lock()

        async def fetch(start: int) -> None:
            stop = min(start + part_bytes, info.size)
            try:
                await _fetch(operations, info, Span(start, stop), file, told)
            finally:
                room.release()
            done.add(start)
            if resume:
                async with writing:
                    state = {"of": identity, "done": sorted(done)}
                    await to_the_end(off_loop(write_json, record, state))

        await _all_of((start for start in starts if start not in done), fetch, room)
        await file.do(os.fsync)
    except BaseException:
        if not resume:
            await to_the_end(off_loop(lambda: partial.unlink(missing_ok=True)))
        raise
    finally:
        os.close(descriptor)
    await off_loop(_in_place, partial, path, record)
    return info


class _File:
    """A file that is being written."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor = descriptor
        self._path = path

    async def do(self, function: Callable[..., object], *args: object) -> None:
        """Call a function with the descriptor and `args`."""
        with _named(self._path):
            # A thread that still writes must not find the descriptor closed, or another file's.
            await to_the_end(off_loop(function, self._descriptor, *args))


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Have the system's errors name a file, as they do where one is opened."""
    try:
        yield
    except OSError as error:
        error.filename = str(path)
        raise


def _make_room(path: Path) -> None:
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    path.parent.mkdir(parents=True, exist_ok=True)


def _in_place(partial: Path, path: Path, record: Path) -> None:
    partial.replace(path)
    record.unlink(missing_ok=True)


async def _all_of(starts: Any, fetch: Any, room: asyncio.Semaphore) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                await room.acquire()
                group.create_task(fetch(start))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _fetch(
    operations: Operations, info: ObjectInfo, span: Span, file: _File, told: Teller
) -> None:
    position = span.start
    # What fails here lets go of the connection at once, not when the error is forgotten.
    async with aclosing(
        operations.stream(info.bucket, info.key, span, info.etag or None)
    ) as stream:
        async for chunk in stream:
            await file.do(write_at, chunk, position)
            position += len(chunk)
            told(len(chunk))
    if position != span.stop:
        raise ChecksumMismatch(
            f"{info.key} gave {position - span.start} bytes for the range {span.header()}",
            bucket=info.bucket,
            key=info.key,
        )


def _prepared(partial: Path, record: Path, identity: list[Any]) -> set[int]:
    """Return where the parts begin that an earlier download of the same content has written."""
    try:
        state = json.loads(record.read_text())
        if state["of"] == identity and partial.exists():
            return set(state["done"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        pass  # there was none, or it was cut short: then it begins anew
    partial.unlink(missing_ok=True)
    return set()


def write_json(path: Path, value: Any) -> None:
    """Write a file that is whole or not there."""
    new = path.with_name(f"{path.name}.new")
    with _named(new):
        new.write_text(json.dumps(value))
    new.replace(path)
