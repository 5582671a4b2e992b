"""The file system itself: fsspec's names on one side, AsyncStorage on the other."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from fsspec.asyn import AsyncFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK
from fsspec.utils import isfilelike

from greenlithops.errors import NoSuchBucket, NoSuchKey, NotSupported, UsageError
from greenlithops.filesystem import calls, entries
from greenlithops.filesystem.files import ReadFile, StreamedFile, WrittenFile
from greenlithops.offload import off_loop
from greenlithops.storage.buckets import MAKE_BUCKETS
from greenlithops.sync.object_files import ReadingObject, WritingObject
from greenlithops.sync.object_open import Mode, open_object
from greenlithops.sync.storage_config import storage_settings
from greenlithops.sync.storage_host import shared_host

if TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Coroutine, Mapping

    from greenlithops.storage.async_storage import AsyncStorage

T = TypeVar("T")


class GreenlithopsFileSystem(AsyncFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Objects of a storage as fsspec's files: ``greenlithops://bucket/key``.

    Nothing that is listed is cached: others may write. Directories are what keys have in common;
    making one does nothing. Writes are seen when the file is closed, and not at all when its
    ``with`` block is left by an exception.

    Args:
        backend: the storage's name; by default the configured one.
        config: a configuration with sections; by default the one that is found.
        storage_config: the storage's part of a configuration instead: `Storage.config`.
        asynchronous: whether the caller awaits the methods, in any event loop of its own.
        loop: fsspec's own, for those who do not.
        batch_size: how many files at a time in operations on many.
        **options: what the storage takes: an endpoint, credentials …; then `backend` is needed.

    Raises:
        UsageError: options are given without the storage that they are for.
    """

    protocol: ClassVar[str] = "greenlithops"
    cachable = True

    def __init__(
        self,
        backend: str | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        storage_config: Mapping[str, Any] | None = None,
        asynchronous: bool = False,
        loop: asyncio.AbstractEventLoop | None = None,
        batch_size: int | None = None,
        **options: Any,
    ) -> None:
        unused = ("use_listings_cache", "skip_instance_cache", "listings_expiry_time")
        given = {name: value for name, value in options.items() if name not in unused}
        super().__init__(asynchronous=asynchronous, loop=loop, batch_size=batch_size, **options)
        if given and backend is None:
            raise UsageError(f"backend is needed too: which storage has {sorted(given)}?")
        own = {"backend": backend, str(backend): given} if given else storage_config
        found = storage_settings(config, backend, own)
        self.host = shared_host(found.backend, {**found.options, "bucket": found.bucket})
        self.bucket = found.bucket
        self._makes_buckets = found.backend in MAKE_BUCKETS
        self._made: set[str] = set()

    async def _ask(self, operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]]) -> T:
        return await self.host.asked(operation)

    # Names.

    def split(self, path: str) -> tuple[str, str]:
        """Return the bucket and the key of a path.

        Raises:
            UsageError: it names no bucket.
        """
        bucket, _, key = self._strip_protocol(path).partition("/")
        if not bucket:
            raise UsageError(f"{path!r} names no bucket: write greenlithops://bucket/key")
        return bucket, key

    def _file(self, path: str) -> tuple[str, str]:
        bucket, key = self.split(path)
        if not key:
            raise IsADirectoryError(path)
        return bucket, key

    # Looking.

    async def _info(self, path: str, **_: Any) -> dict[str, Any]:
        path = self._strip_protocol(path)
        if not path:
            return entries.described("")
        bucket, key = self.split(path)
        return entries.described(await self._ask(lambda s: calls.looked_up(s, bucket, key)), bucket)

    async def _ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        path = self._strip_protocol(path)
        if not path:
            shown = [entries.described("", self._only_bucket())]
        else:
            bucket, key = self.split(path)
            found = await self._ask(lambda s: calls.listed(s, bucket, key))
            shown = [entries.described(entry, bucket) for entry in found]
        return shown if detail else [entry["name"] for entry in shown]

    def _only_bucket(self) -> str:
        if self.bucket is None:
            raise NotSupported("buckets are not listed; name one: greenlithops://bucket")
        return self.bucket

    async def _find(
        self, path: str, maxdepth: int | None = None, withdirs: bool = False, **kwargs: Any
    ) -> Any:
        path = self._strip_protocol(path)
        if maxdepth is not None or not path:
            return await super()._find(path, maxdepth, withdirs, **kwargs)
        bucket, key = self.split(path)
        try:
            objects = await self._ask(lambda s: calls.below(s, bucket, key))
        except NoSuchBucket:
            objects = []
        found = {}
        for info in objects:
            if not info.key.endswith("/"):
                entry = entries.described(info)
                found[entry["name"]] = entry
            if withdirs:
                found |= entries.above(info, path)
        names = sorted(found)
        return {name: found[name] for name in names} if kwargs.get("detail") else names

    def modified(self, path: str) -> dt.datetime:
        """Return when an object was written."""
        moment: dt.datetime = self.info(path)["LastModified"]
        return moment

    def sign(self, path: str, expiration: int = 100, **kwargs: Any) -> str:
        """Return a URL that reads the object without credentials, for `expiration` seconds."""
        bucket, key = self._file(path)
        return self.host.ask(lambda s: s.presigned_url(bucket, key, seconds=expiration, **kwargs))

    # Contents.

    async def _cat_file(
        self, path: str, start: int | None = None, end: int | None = None, **_: Any
    ) -> bytes:
        bucket, key = self._file(path)
        return await self._ask(lambda s: calls.bytes_of(s, bucket, key, start, end))

    async def _pipe_file(self, path: str, value: Any, mode: str = "overwrite", **_: Any) -> None:
        bucket, key = self._file(path)
        await self._make(bucket)
        await self._ask(lambda s: s.put(bucket, key, value, if_absent=mode == "create"))

    async def _put_file(
        self,
        lpath: str,
        rpath: str,
        callback: Any = DEFAULT_CALLBACK,
        mode: str = "overwrite",
        **_: Any,
    ) -> None:
        path = Path(lpath)
        if await off_loop(path.is_dir):
            return
        bucket, key = self._file(rpath)
        await self._make(bucket)
        callback.set_size((await off_loop(path.stat)).st_size)
        await self._ask(
            lambda s: s.put(
                bucket,
                key,
                path,
                if_absent=mode == "create",
                on_progress=lambda done, _: callback.absolute_update(done),
            )
        )

    async def _get_file(
        self, rpath: str, lpath: Any, callback: Any = DEFAULT_CALLBACK, **_: Any
    ) -> None:
        bucket, key = self.split(rpath)
        if isfilelike(lpath):
            lpath.write(await self._cat_file(rpath))
            return
        path = Path(lpath)
        try:
            size = await self._ask(lambda s: calls.fetched(s, bucket, key, path)) if key else None
        except NoSuchKey:
            if not await self._isdir(rpath):
                raise
            size = None
        if size is None:
            await off_loop(lambda: path.mkdir(parents=True, exist_ok=True))
            return
        callback.set_size(size)
        callback.absolute_update(size)

    async def _cp_file(self, path1: str, path2: str, **_: Any) -> None:
        (bucket, key), (to_bucket, to_key) = self._file(path1), self._file(path2)
        await self._make(to_bucket)
        try:
            await self._ask(lambda s: s.copy(bucket, key, to_key, to_bucket=to_bucket))
        except FileNotFoundError:
            if not await self._isdir(path1):
                raise
            # A folder is what is in it, which is copied by itself.

    # Making and removing.

    async def _make(self, bucket: str) -> None:
        if self._makes_buckets and bucket not in self._made:
            await self._ask(lambda s: s.create_bucket(bucket))
            self._made.add(bucket)

    async def _mkdir(self, path: str, create_parents: bool = True, **_: Any) -> None:  # noqa: ARG002 - fsspec's
        bucket, key = self.split(path)
        if not key:
            await self._ask(lambda s: s.create_bucket(bucket))

    async def _makedirs(self, path: str, exist_ok: bool = False) -> None:  # noqa: ARG002 - fsspec's
        await self._mkdir(path)

    async def _rmdir(self, path: str) -> None:
        bucket, key = self.split(path)
        if key:
            await self._ask(lambda s: s.delete(bucket, f"{key}/"))
        else:
            self._made.discard(bucket)
            await self._ask(lambda s: s.delete_bucket(bucket))

    async def _rm_file(self, path: str, **_: Any) -> None:
        bucket, key = self._file(path)
        await self._ask(lambda s: s.delete(bucket, key))

    async def _rm(
        self,
        path: str | list[str],
        recursive: bool = False,
        batch_size: int | None = None,  # noqa: ARG002 - storage has batches of its own
        maxdepth: int | None = None,
        **_: Any,
    ) -> None:
        whole = recursive and maxdepth is None
        paths = await self._expand_path(path, recursive=recursive and not whole, maxdepth=maxdepth)
        if whole:
            await asyncio.gather(*(self._info(one) for one in paths))
            for bucket, keys in self._by_bucket(paths).items():
                if "" in keys:
                    self._made.discard(bucket)
                await self._ask(lambda s, b=bucket, k=keys: calls.removed(s, b, k))  # type: ignore[misc]  # bound
            return
        found = await asyncio.gather(*(self._info(one) for one in paths))
        if not recursive and any(entry["type"] == "directory" for entry in found):
            raise IsADirectoryError(f"{path}: say recursive=True to remove what is below it")
        for bucket, keys in self._by_bucket(paths).items():
            wanted = [key for key in keys if key]
            await self._ask(lambda s, b=bucket, k=wanted: s.delete_many(b, k))  # type: ignore[misc]  # bound

    def _by_bucket(self, paths: list[str]) -> dict[str, list[str]]:
        buckets: dict[str, list[str]] = {}
        for path in paths:
            bucket, key = self.split(path)
            buckets.setdefault(bucket, []).append(key)
        return buckets

    # Files.

    def _open(
        self,
        path: str,
        mode: str = "rb",
        block_size: int | None = None,  # noqa: ARG002 - blocks grow as they are needed
        autocommit: bool = True,
        cache_options: Mapping[str, Any] | None = None,  # noqa: ARG002 - see above
        **_: Any,
    ) -> Any:
        bucket, key = self._file(path)
        what = Mode.of(mode)
        if what.action == "r" and not what.updating:
            info = self.host.ask(lambda s: s.head(bucket, key))
            return ReadFile(ReadingObject(self.host, info), self, path)
        if self._makes_buckets and bucket not in self._made:
            self.host.ask(lambda s: s.create_bucket(bucket))
            self._made.add(bucket)
        if what.updating:
            return open_object(self.host, bucket, key, mode)
        raw = open_object(self.host, bucket, key, f"{what.action}b", 0)
        assert isinstance(raw, WritingObject)  # noqa: S101 - that is what these modes give
        raw.held = not autocommit
        return WrittenFile(raw, self, path)

    async def open_async(self, path: str, mode: str = "rb", **_: Any) -> StreamedFile:
        """Open an object in an event loop: ``async with await fs.open_async(path) as file``."""
        if mode not in ("rb", "wb"):
            raise UsageError(f"open_async takes the modes 'rb' and 'wb', not {mode!r}")
        bucket, _key = self._file(path)
        if mode == "wb":
            await self._make(bucket)
        known = await self._info(path) if mode == "rb" else {}
        path = self._strip_protocol(path)
        return StreamedFile(self, path, mode, known.get("size"), known.get("ETag") or None)
