"""Writing objects of any size: at once when small, in parallel parts when large."""

from __future__ import annotations

import asyncio
import os
import stat
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.offload import off_loop, to_the_end
from greenlithops.storage.bodies import as_bytes, in_parts, pieces, slices
from greenlithops.storage.operations import marked_options

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator

    from greenlithops.objects import Buffer, ObjectInfo, Part, PutOptions, Upload
    from greenlithops.storage.arguments import Teller
    from greenlithops.storage.operations import Operations


async def upload(
    operations: Operations,
    bucket: str,
    key: str,
    body: Any,
    options: PutOptions,
    *,
    part_bytes: int,
    parallel: int,
    told: Teller,
) -> ObjectInfo:
    """Write an object; nothing of it is seen before it is whole.

    No more than `parallel` + 2 parts are in memory at a time.
    """
    part_bytes = max(part_bytes, operations.limits.min_part)
    if told.total is None and isinstance(body, os.PathLike):
        told.total = await off_loop(_bytes_of_file, body)
    view = as_bytes(body)
    if view is not None:
        if len(view) <= min(2 * part_bytes, operations.limits.max_put):
            return await _put(operations, bucket, key, view, options, told=told)
        parts = _given(slices(view, _enough(part_bytes, len(view), operations)))
    else:
        part_bytes = _enough(part_bytes, told.total or 0, operations)
        parts = in_parts(pieces(body), part_bytes, grow=told.total is None)
    async with aclosing(parts):
        first = await anext(parts)
        second = await anext(parts, None)
        if second is None:
            return await _put(operations, bucket, key, first, options, told=told)
        options = marked_options(options)
        started = await _begun(operations, bucket, key, options)
        try:
            sent = await send_parts(
                operations, started, _numbered(first, second, parts), parallel, told
            )
            return await operations.finish_upload(started, sent, options)
        except BaseException:
            await to_the_end(_dropped(operations, started))
            raise


def _enough(part_bytes: int, size: int, operations: Operations) -> int:
    """Return a size of parts that so many bytes fit in."""
    return max(part_bytes, -(-size // operations.limits.max_parts))


def _bytes_of_file(path: os.PathLike[str]) -> int | None:
    status = Path(path).stat()
    return status.st_size if stat.S_ISREG(status.st_mode) else None


async def _put(
    operations: Operations,
    bucket: str,
    key: str,
    body: Buffer,
    options: PutOptions,
    *,
    told: Teller,
) -> ObjectInfo:
    info = await operations.put(bucket, key, body, options)
    told(len(body))
    return info


async def _given(parts: Any) -> AsyncGenerator[Buffer]:
    for part in parts:
        yield part


async def _numbered(
    first: Buffer, second: Buffer, rest: AsyncIterator[Buffer]
) -> AsyncIterator[tuple[int, Buffer]]:
    yield 1, first
    yield 2, second
    number = 3
    async for part in rest:
        yield number, part
        number += 1


async def send_parts(
    operations: Operations,
    started: Upload,
    parts: AsyncIterator[tuple[int, Buffer]],
    parallel: int,
    told: Teller,
) -> list[Part]:
    """Send parts, at most `parallel` at a time; return them in order."""
    if not operations.limits.parallel_parts:
        parallel = 1
    room = asyncio.Semaphore(parallel)
    sent: list[Part] = []

    async def send(number: int, body: Buffer) -> None:
        try:
            sent.append(await operations.put_part(started, number, body))
            told(len(body))
        finally:
            room.release()

    try:
        async with asyncio.TaskGroup() as group:
            await room.acquire()
            async for number, body in parts:
                group.create_task(send(number, body))
                await room.acquire()
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return sorted(sent, key=lambda part: part.number)


async def _begun(operations: Operations, bucket: str, key: str, options: PutOptions) -> Upload:
    """Begin an upload; one that was cancelled meanwhile is known all the same, and dropped."""
    starting = asyncio.ensure_future(operations.start_upload(bucket, key, options))
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        await to_the_end(_dropped_when_begun(operations, starting))
        raise


async def _dropped_when_begun(operations: Operations, starting: asyncio.Future[Upload]) -> None:
    done, _ = await asyncio.wait([starting], timeout=ABORT_SECONDS)
    if not done:
        starting.cancel()
    elif not starting.cancelled() and starting.exception() is None:
        await _dropped(operations, starting.result())


async def _dropped(operations: Operations, started: Upload) -> None:
    """Abort an upload, as far as that can be done now; the error on its way says why.

    A part that was under way may arrive after the first time, so it is looked again.
    """
    backend = operations.backend
    try:
        async with asyncio.timeout(ABORT_SECONDS):
            for pause in ABORT_PAUSES:
                await backend.abort_upload(started)
                if not backend.limits.resumable:
                    return
                await asyncio.sleep(pause)
                await backend.uploaded_parts(started)
    except (OSError, TimeoutError):
        return  # it is gone, which is what is wanted, or the storage is away


ABORT_SECONDS = 10.0
ABORT_PAUSES = (0.02, 0.1, 0.5)
