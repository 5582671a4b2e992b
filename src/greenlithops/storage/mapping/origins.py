"""Where readers get bytes from: files of this machine, web servers, storages."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from greenlithops.errors import InvalidRange, NoSuchKey, ObjectChanged, PreconditionFailed
from greenlithops.files import file_version, read_at
from greenlithops.storage.mapping.part import FILE, HTTP

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from concurrent.futures import Future, ThreadPoolExecutor

    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.mapping.blocks import Origin
    from greenlithops.storage.mapping.part import Part
    from greenlithops.storage.mapping.traffic import Traffic


def origin(part: Part, storages: Mapping[str, bytes]) -> Origin:
    """Return where a part's bytes come from; nothing is opened yet.

    Args:
        part: which.
        storages: pickled storages by the names that parts have for them; another one is made of
            its name.
    """
    if part.origin == FILE:
        return FileOrigin(part)
    if part.origin == HTTP:
        from greenlithops.storage.mapping.web import WebOrigin  # noqa: PLC0415 - only for URLs

        return WebOrigin(part)
    spec = part.origin if isinstance(part.origin, bytes) else storages.get(part.origin)
    return StorageOrigin(part, spec or part.origin)


def changed(part: Part) -> ObjectChanged:
    """Return the error for an object that is not the planned one any more."""
    return ObjectChanged(
        f"{part.name} was changed since this work was planned; its parts would not fit together. "
        "Map over it again",
        bucket=part.bucket,
        key=part.key,
    )


class Background:
    """One thread for what blocks, if it is asked for."""

    def __init__(self) -> None:
        self._pool: ThreadPoolExecutor | None = None
        self._pid = 0  #: the process in which its thread is

    def begin(self, function: Callable[..., bytes], *args: int) -> Future[bytes]:
        """Begin ``function(*args)``."""
        if self._pool is None or self._pid != os.getpid():
            self._pid = os.getpid()
            from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - if wanted

            self._pool = ThreadPoolExecutor(1, "greenlithops-reader")
        return self._pool.submit(function, *args)

    def finish(self, last: Callable[[], object]) -> None:
        """Call `last` after what is under way, without waiting, and let the thread end."""
        if self._pool is None or self._pid != os.getpid():
            last()
            return
        pool, self._pool = self._pool, None
        pool.submit(last)
        pool.shutdown(wait=False)


class FileOrigin:
    """A file of this machine."""

    block = 1 << 20
    tail = 16 << 10
    ahead = False  # the kernel does that

    def __init__(self, part: Part) -> None:
        self._part = part
        self._descriptor = -1
        self._background = Background()

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes of the file."""
        if self._descriptor < 0:
            self._open()
        data = read_at(self._descriptor, start, stop)
        if file_version(os.fstat(self._descriptor)) != self._part.etag:
            raise changed(self._part)
        return data

    def _open(self) -> None:
        part = self._part
        try:
            self._descriptor = os.open(str(part.where), os.O_RDONLY)
        except FileNotFoundError:
            message = f"{part.name} was deleted since this work was planned"
            raise NoSuchKey(message, bucket=part.bucket, key=part.key) from None

    def begin(self, start: int, stop: int) -> Future[bytes]:
        """Do the same in a thread."""
        return self._background.begin(self.read, start, stop)

    def close(self) -> None:
        """Close the file, when what is being read of it has been."""
        self._background.finish(self._close)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class StorageOrigin:
    """An object in a storage."""

    block = 4 << 20
    tail = 64 << 10
    ahead = True

    def __init__(self, part: Part, spec: bytes | str) -> None:
        self._part = part
        self._spec = spec
        self._traffic: Traffic | None = None

    def read(self, start: int, stop: int) -> bytes:
        """Return bytes of the object."""
        return self.begin(start, stop).result()

    def begin(self, start: int, stop: int) -> Future[bytes]:
        """Do the same in the background."""
        if self._traffic is None:
            from greenlithops.storage.mapping.traffic import traffic  # noqa: PLC0415 - only now

            self._traffic = traffic()
        return self._traffic.begin(self._spec, lambda storage: self._get(storage, start, stop))

    async def _get(self, storage: AsyncStorage, start: int, stop: int) -> bytes:
        part = self._part
        bucket, key = str(part.bucket), str(part.key)
        try:
            data = await storage.get(bucket, key, start, stop, if_match=part.etag or None)
        except (PreconditionFailed, InvalidRange) as error:
            raise changed(part) from error
        if len(data) != stop - start:
            raise changed(part)
        return data

    def close(self) -> None:
        """Let go of the storage."""
        traffic, self._traffic = self._traffic, None
        if traffic is not None:
            traffic.left()
