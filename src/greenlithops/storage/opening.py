"""When a storage is open, in which event loop, and how it is made again elsewhere."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Self

from greenlithops.dispatch.options import byte_count, checked_counts
from greenlithops.dispatch.retry import RetryPolicy, as_policy
from greenlithops.errors import OtherLoop, StorageClosed, UsageError
from greenlithops.registry import storage_backend
from greenlithops.storage.operations import RETRIES, Operations

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from greenlithops.objects import StorageBackend


class Opening:
    """What `AsyncStorage` is before anything is asked of it; it has the arguments."""

    def __init__(
        self,
        backend: str | StorageBackend = "localhost",
        *,
        bucket: str | None = None,
        concurrency: int = 64,
        part_bytes: int | str = 8 << 20,
        part_concurrency: int = 3,
        retries: RetryPolicy | int | None = None,
        **options: Any,
    ) -> None:
        checked_counts(concurrency=concurrency, part_concurrency=part_concurrency)
        self.bucket = bucket
        self._source = (backend, options)
        self._concurrency = concurrency
        self._part_bytes = byte_count(part_bytes)
        self._part_concurrency = part_concurrency
        self._policy = RETRIES if retries is None else as_policy(retries)
        self._backend = storage_backend(backend, options) if isinstance(backend, str) else backend
        if isinstance(retries, int):
            self._policy = RetryPolicy(attempts=retries + 1, on=RETRIES.on, max_delay=5.0)
        self._operations: Operations | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._opening: asyncio.Lock | None = None
        self._closed = False

    @property
    def backend(self) -> StorageBackend:
        """The backend, for what only it can do."""
        return self._backend

    @property
    def closed(self) -> bool:
        """Whether it was closed, so that nothing can be asked of it."""
        return self._closed

    async def __aenter__(self) -> Self:
        self._closed = False
        await self._open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of connections; what is asked afterwards raises `StorageClosed`."""
        self._closed = True
        async with self._opening or asyncio.Lock():
            operations, self._operations = self._operations, None
            if operations is not None:
                await operations.backend.__aexit__(None, None, None)

    async def _open(self, bucket: str = "") -> Operations:
        if not isinstance(bucket, str):
            raise UsageError(f"a bucket is named by text, not {bucket!r}")
        operations = self._operations
        loop = asyncio.get_running_loop()
        if operations is not None:
            if loop is not self._loop:
                raise OtherLoop(
                    "this storage is open in another event loop: close it before that one ends "
                    "('async with' does), or make another storage"
                )
            return operations
        if self._opening is None or self._loop is not loop:
            self._loop, self._opening = loop, asyncio.Lock()
        async with self._opening:
            if self._closed:
                raise StorageClosed(bucket=bucket or None)
            if self._operations is None:
                backend = await self._backend.__aenter__()
                self._operations = Operations(backend, self._policy, self._concurrency)
            return self._operations

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuilt, (type(self), self._source, self._settings())

    def _settings(self) -> dict[str, Any]:
        return {
            "bucket": self.bucket,
            "concurrency": self._concurrency,
            "part_bytes": self._part_bytes,
            "part_concurrency": self._part_concurrency,
            "retries": self._policy,
        }

    def __repr__(self) -> str:
        state = "open" if self._operations else "closed"
        return f"<{type(self).__name__} {self.backend.name} {state}>"


def _rebuilt(
    kind: type[Opening], source: tuple[Any, Mapping[str, Any]], settings: Mapping[str, Any]
) -> Opening:
    backend, options = source
    return kind(backend, **settings, **options)
