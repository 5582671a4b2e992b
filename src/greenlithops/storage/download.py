"""Objects into files: in parallel parts, resumable, whole at the destination or not at all."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlithops.errors import ChecksumMismatch
from greenlithops.files import write_at
from greenlithops.objects import Span
from greenlithops.offload import in_thread, off_loop, to_the_end
from greenlithops.storage.partial import Partial, begun

if TYPE_CHECKING:
    from pathlib import Path

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.arguments import Teller
    from greenlithops.storage.operations import Operations


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
    identity = [info.etag, info.size, part_bytes]
    begin = partial(begun, path, identity, info.size, resume=resume)
    file = await off_loop(begin, discard=Partial.end)
    try:
        await file.do(os.ftruncate, info.size)
        starts = range(0, info.size, part_bytes)
        told(sum(min(part_bytes, info.size - start) for start in starts if start in file.done))
        room = asyncio.Semaphore(parallel)
        writing = asyncio.Lock()

        async def fetch(start: int) -> None:
            stop = min(start + part_bytes, info.size)
            try:
                await _fetch(operations, info, Span(start, stop), file, told)
            finally:
                room.release()
            file.done.add(start)
            if resume:
                async with writing:
                    await to_the_end(in_thread(file.remember, identity, sorted(file.done)))

        await _all_of((start for start in starts if start not in file.done), fetch, room)
        await file.do(os.fsync)
        await to_the_end(in_thread(file.become, path))
    finally:
        await to_the_end(in_thread(file.end))
    return info


async def _all_of(starts: Any, fetch: Any, room: asyncio.Semaphore) -> None:
    try:
        async with asyncio.TaskGroup() as group:
            for start in starts:
                await room.acquire()
                group.create_task(fetch(start))
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None


async def _fetch(
    operations: Operations, info: ObjectInfo, span: Span, file: Partial, told: Teller
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
