"""The objects that sources name: looked for many at a time, given in the order of the sources."""

from __future__ import annotations

import asyncio
import glob
import stat
import threading
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from greenlithops.errors import NoSuchKey, UsageError
from greenlithops.files import file_version
from greenlithops.objects import HoldsFiles, ObjectInfo
from greenlithops.offload import off_loop
from greenlithops.storage.mapping.part import FILE, HTTP
from greenlithops.storage.mapping.sources import PathSource, Source, StorageSource, UrlSource

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.mapping.storages import Storages

SOURCES = 32  #: that are looked into at the same time
AHEAD = 1_000  #: objects of a source that wait for those before them
OWN = "greenlithops."  #: how keys begin of what we keep ourselves: messages, durable jobs, handles


@dataclass(frozen=True, slots=True)
class Found:
    """An object to be cut; see `part.Part` for the attributes.

    Attributes:
        ranges: whether it can be read in parts.
    """

    origin: str
    backend: str
    bucket: str | None
    key: str | None
    where: str | None
    size: int | None
    etag: str
    ranges: bool = True


async def found_in(source: Source, storages: Storages) -> AsyncGenerator[Found]:
    """Give the objects that a source names, in the order of their keys.

    Raises:
        NoSuchKey: it names none.
        StorageError: they cannot be listed.
    """
    if isinstance(source, UrlSource):
        yield await _of_url(source)
        return
    anything = False
    several = _of_path(source) if isinstance(source, PathSource) else _of_storage(source, storages)
    async with aclosing(several) as objects:
        async for found in objects:
            anything = True
            yield found
    if not anything:
        raise NoSuchKey(f"nothing was found at {source.text!r}")


async def _of_url(source: UrlSource) -> Found:
    from greenlithops.storage.mapping.web import look  # noqa: PLC0415 - only for URLs

    ended = threading.Event()
    try:
        page = await off_loop(look, source.text, ended)
    finally:
        ended.set()
    ranges = page.ranges and page.size is not None
    return Found(HTTP, "http", None, None, source.text, page.size, page.etag, ranges)


# Files.


async def _of_path(source: PathSource) -> AsyncGenerator[Found]:
    for found in await off_loop(_files, source.text):
        yield found


def _files(text: str) -> list[Found]:
    """Return the files that a path, a folder or a glob stands for, in order."""
    path = Path(text)
    if path.is_dir():
        paths = [entry for entry in path.iterdir() if entry.is_file()]
    elif path.exists():
        paths = [path]
    else:
        # Path.glob cannot begin at the root.
        # What two ** may stand for in several ways is found as often.
        found = map(Path, set(glob.iglob(text, recursive=True)))  # noqa: PTH207 - see above
        paths = [path for path in found if path.is_file()]
    return [_file(path) for path in sorted(paths)]


def _file(path: Path) -> Found:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise UsageError(f"{path} is no regular file: it cannot be read in parts, or twice")
    if not status.st_size:
        with path.open("rb") as file:
            if file.read(1):
                raise UsageError(f"{path} does not tell its size; read it in the function instead")
    version = file_version(status)
    return Found(FILE, "file", str(path.parent), path.name, str(path), status.st_size, version)


# Storages.


async def _of_storage(source: StorageSource, storages: Storages) -> AsyncGenerator[Found]:
    name, storage = await storages.find(source.storage)
    if not source.is_prefix and not source.is_glob:
        yield _object(name, storage, await _known(source, storage))
        return
    pattern = None
    if source.is_glob:  # with a slash at its end it stands for what is below what matches
        pattern = source.key + "*" if source.key.endswith("/") else source.key
    prefix = "" if source.is_glob else source.key
    nothing, own = True, source.key.startswith(OWN)
    async with aclosing(storage.list(source.bucket, prefix, match=pattern)) as listing:  # type: ignore[type-var]  # it is a generator
        async for entry in listing:
            if not isinstance(entry, ObjectInfo) or entry.key.endswith("/"):
                continue
            if own or not entry.key.startswith(OWN):
                nothing = False
                yield _object(name, storage, entry)
    if nothing and source.is_glob and await storage.exists(source.bucket, source.key):
        yield _object(name, storage, await storage.head(source.bucket, source.key))


async def _known(source: StorageSource, storage: AsyncStorage) -> ObjectInfo:
    if source.info is not None:
        return source.info
    try:
        return await storage.head(source.bucket, source.key)
    except NoSuchKey as error:
        raise NoSuchKey(
            f"nothing was found at {source.text!r}: there is no object of this key (a prefix ends "
            "with a slash)",
            bucket=source.bucket,
            key=source.key,
        ) from error


def _object(name: str, storage: AsyncStorage, info: ObjectInfo) -> Found:
    backend = storage.backend
    if isinstance(backend, HoldsFiles):  # workers on this machine read it without further ado
        path = backend.file_of(info.bucket, info.key)
        return Found(FILE, backend.name, info.bucket, info.key, path, info.size, info.etag)
    return Found(name, backend.name, info.bucket, info.key, None, info.size, info.etag)


# Many sources.


async def found_in_order(
    sources: AsyncGenerator[tuple[Any, Source | None]], storages: Storages
) -> AsyncGenerator[tuple[Any, Found | None]]:
    """Give, for each tag and source, the tag with every object; None for no source.

    Sources are looked into many at a time, and what they name is given in their order.
    """
    searches: asyncio.Queue[_Search | None] = asyncio.Queue(SOURCES)

    async def begin() -> None:
        search = None
        try:
            async with aclosing(sources):
                async for tag, source in sources:
                    search = _Search(tag)
                    search.begin(source, storages)
                    await searches.put(search)
                    search = None
            await searches.put(None)
        except Exception as error:  # noqa: BLE001 - what the program maps over may raise anything
            await searches.put(_Search.failed(error))
        except asyncio.CancelledError as error:
            if search is not None:
                await search.close()
            if beginning.cancelling():
                raise
            await searches.put(_Search.failed(error))  # what is mapped over was cancelled itself

    beginning = asyncio.create_task(begin(), name="looking for objects")
    search: _Search | None = None
    try:
        while (search := await searches.get()) is not None:
            async for found in search.results():
                yield search.tag, found
    finally:
        beginning.cancel()
        await asyncio.wait([beginning])
        while search is not None:
            await search.close()
            search = None if searches.empty() else searches.get_nowait()


class _Search:
    """One source that is looked into, a bounded number of objects ahead of who takes them."""

    def __init__(self, tag: Any) -> None:
        self.tag = tag
        self._queue: asyncio.Queue[Found | BaseException | None] = asyncio.Queue(AHEAD)
        self._task: asyncio.Task[None] | None = None
        self._nothing = False

    @classmethod
    def failed(cls, error: BaseException) -> _Search:
        """Return a search that is over, with an error."""
        search = cls(None)
        search._queue.put_nowait(error)
        return search

    def begin(self, source: Source | None, storages: Storages) -> None:
        """Begin to look; where there is no source, there is nothing to look for."""
        if source is None:
            self._nothing = True
        else:
            self._task = asyncio.create_task(self._run(source, storages), name="finding objects")

    async def _run(self, source: Source, storages: Storages) -> None:
        try:
            async with aclosing(found_in(source, storages)) as objects:
                async for found in objects:
                    await self._queue.put(found)
        except Exception as error:  # noqa: BLE001 - raised where its turn is
            await self._queue.put(error)
        else:
            await self._queue.put(None)

    async def results(self) -> AsyncGenerator[Found | None]:
        """Give the objects; None if there was no source."""
        if self._nothing:
            yield None
            return
        while (found := await self._queue.get()) is not None:
            if isinstance(found, BaseException):
                raise found
            yield found

    async def close(self) -> None:
        """Stop looking."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])


def check_reach(found: Found, *, shared_memory: bool) -> None:
    """Raise if workers cannot see an object that this process can.

    Raises:
        UsageError: it is in this process's memory, and workers are other processes.
    """
    if found.backend == "memory" and not shared_memory:
        raise UsageError(
            f"{found.bucket}/{found.key} is in this process's memory, which workers do not see; "
            "use another storage, or the backend 'inline'"
        )
