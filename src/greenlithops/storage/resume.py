"""Uploads of files that go on where an interrupted one was, also in another process."""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import aclosing
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.errors import NoSuchUpload, StorageError
from greenlithops.files import read_at
from greenlithops.locks import let_go, taken
from greenlithops.objects import Part, PutOptions, Upload
from greenlithops.offload import in_thread, off_loop, to_the_end
from greenlithops.storage.operations import WRITER, marked_options
from greenlithops.storage.records import read_record, write_record
from greenlithops.storage.upload import send_parts, upload

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.arguments import Teller
    from greenlithops.storage.operations import Operations


async def resume_upload(
    operations: Operations,
    bucket: str,
    key: str,
    path: Path,
    options: PutOptions,
    *,
    part_bytes: int,
    parallel: int,
    told: Teller,
) -> ObjectInfo:
    """Write a file as an object in parts; what an earlier upload of the same file sent stays.

    What has been sent is forgotten when the file is another one, or was changed. What somebody
    else is sending just now is left to him.
    """
    sizes: dict[str, Any] = {"part_bytes": part_bytes, "parallel": parallel, "told": told}
    if not (await off_loop(os.stat, path)).st_size:  # services take no empty parts
        return await upload(operations, bucket, key, path, options, **sizes)
    record = await off_loop(_record, operations, bucket, key, path)
    lock = await off_loop(_Lock, record.with_suffix(".lock"), discard=_Lock.release)
    try:
        if not lock.taken:
            return await upload(operations, bucket, key, path, options, **sizes)
        return await _resumed(operations, bucket, key, path, options, record=record, **sizes)
    finally:
        await to_the_end(in_thread(lock.release))


class _Lock:
    """Keeps everybody else from going on with the same upload."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor = taken(path, 0o600)

    @property
    def taken(self) -> bool:
        """Whether it is not somebody else's."""
        return self._descriptor is not None

    def release(self) -> None:
        """Let others go on."""
        if self._descriptor is not None:
            self._path.unlink(missing_ok=True)
            let_go(self._descriptor)
            os.close(self._descriptor)


async def _resumed(
    operations: Operations,
    bucket: str,
    key: str,
    path: Path,
    options: PutOptions,
    *,
    part_bytes: int,
    parallel: int,
    told: Teller,
    record: Path,
) -> ObjectInfo:
    status = await off_loop(os.stat, path)
    told.total = status.st_size
    limits = operations.limits
    part_bytes = max(part_bytes, limits.min_part, -(-status.st_size // limits.max_parts))
    # Tools that keep a file's time of change do not keep these.
    same = [status.st_ctime_ns, status.st_ino]
    identity = [status.st_size, status.st_mtime_ns, part_bytes, *same]
    options = marked_options(options)
    started, options, known = await _started(
        operations, bucket, key, options, record=record, identity=identity
    )
    starts = range(0, status.st_size, part_bytes)
    size_of = {n: min(part_bytes, status.st_size - start) for n, start in enumerate(starts, 1)}
    have = {part.number: part for part in known if part.size in (-1, size_of.get(part.number))}
    told(sum(size_of[number] for number in have))

    async def missing() -> AsyncGenerator[tuple[int, bytes]]:
        descriptor = await off_loop(os.open, path, os.O_RDONLY, discard=os.close)
        try:
            for number, start in enumerate(starts, 1):
                if number not in have:
                    stop = start + size_of[number]
                    part = await to_the_end(in_thread(read_at, descriptor, start, stop))
                    if len(part) < stop - start:
                        raise StorageError(
                            f"{path} was cut while it was sent", bucket=bucket, key=key
                        )
                    yield number, part
        finally:
            os.close(descriptor)

    async with aclosing(missing()) as absent:  # its descriptor, too, where a part fails
        sent = await send_parts(operations, started, absent, parallel, told)
    parts = sorted([*have.values(), *sent], key=lambda part: part.number)
    info = await operations.finish_upload(started, parts, options)
    await off_loop(partial(record.unlink, missing_ok=True))
    return info


async def abandon_upload(operations: Operations, bucket: str, key: str, path: Path) -> bool:
    """Drop what an interrupted upload of a file has sent; return whether there was anything."""
    record = await off_loop(_record, operations, bucket, key, path)
    state = await off_loop(_remembered, record)
    if state is None:
        return False
    await operations.abort_upload(Upload(**state["upload"]))
    await off_loop(partial(record.unlink, missing_ok=True))
    return True


async def _started(
    operations: Operations,
    bucket: str,
    key: str,
    options: PutOptions,
    *,
    record: Path,
    identity: list[int],
) -> tuple[Upload, PutOptions, list[Part]]:
    """Return the upload to go on with, its options, and the parts that storage has of it."""
    state = await off_loop(_remembered, record)
    if state is not None and state["of"] != identity:
        await operations.abort_upload(Upload(**state["upload"]))  # of another content
    elif state is not None:
        upload = Upload(**state["upload"])
        options = replace(options, metadata={**options.metadata, WRITER: state["mark"]})
        try:
            parts = await operations.attempt(operations.backend.uploaded_parts, upload)
        except NoSuchUpload:
            pass
        else:
            return upload, options, list(parts)
    upload = await operations.start_upload(bucket, key, options)
    await off_loop(
        write_record,
        record,
        {"of": identity, "upload": asdict(upload), "mark": options.metadata[WRITER]},
    )
    return upload, options, []


def _remembered(record: Path) -> dict[str, Any] | None:
    state = read_record(record)
    return state if state and {"of", "upload", "mark"} <= state.keys() else None


def _record(operations: Operations, bucket: str, key: str, path: Path) -> Path:
    """Return where it is remembered what was sent of a file."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "greenlithops" / "uploads"
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    place = [operations.backend.name, bucket, key, str(path.resolve())]
    return folder / f"{hashlib.sha256(json.dumps(place).encode()).hexdigest()}.json"
