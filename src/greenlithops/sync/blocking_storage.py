"""A storage for programs that block: what it does is done by AsyncStorage, on the loop."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any, Literal, Self, TypeVar

from greenlithops.errors import NoSuchBucket, StorageClosed, UsageError
from greenlithops.storage.buckets import MAKE_BUCKETS
from greenlithops.sync import object_open, storage_calls
from greenlithops.sync.object_files import ReadingObject
from greenlithops.sync.storage_config import BUCKET, as_config, storage_settings
from greenlithops.sync.storage_errors import as_lithops
from greenlithops.sync.storage_host import let_go, shared_host

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator, Mapping
    from types import TracebackType

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.sync.storage_host import StorageHost

T = TypeVar("T")


class BlockingStorage:
    """What `Storage` is without Lithops' names; it has the arguments."""

    def __init__(
        self,
        config: Mapping[str, Any] | None = None,
        backend: str | None = None,
        storage_config: Mapping[str, Any] | None = None,
    ) -> None:
        found = storage_settings(config, backend, storage_config)
        self.config = as_config(found)
        self.backend = found.backend
        self.bucket = found.bucket
        self.makes_buckets = found.backend in MAKE_BUCKETS
        self._made: set[str] = set()
        self._shared: StorageHost | None = shared_host(
            found.backend, {**found.options, "bucket": found.bucket}
        )

    @property
    def _host(self) -> StorageHost:
        if self._shared is None:
            raise StorageClosed
        return self._shared

    def close(self) -> None:
        """Let go of connections, if nobody else uses them.

        What is asked afterwards raises `StorageClosed`. Nothing is lost without it: what nobody
        uses any more, and the end of the program, close them too.
        """
        host, self._shared = self._shared, None
        if host is not None:
            let_go(host)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @classmethod
    def like(cls, storage: AsyncStorage) -> Self:
        """Return the synchronous face of a storage: same backend, options and bucket.

        Args:
            storage: one whose backend was given by name, so that it can be opened again.
        """
        backend, options = storage._source  # noqa: SLF001 - this is its other face
        if not isinstance(backend, str):
            raise UsageError("the storage has a backend object; name its backend instead")
        settings = storage._settings()  # noqa: SLF001 - see above
        section = {**options, **settings, BUCKET: settings.pop("bucket")}
        return cls(storage_config={"backend": backend, backend: section})

    def ask(
        self,
        operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]],
        bucket: str = "",
        key: str = "",
    ) -> T:
        """Return what ``await operation(storage)`` gives, for what this face has no method for.

        Args:
            operation: called with the `AsyncStorage`, on the event loop.
            bucket: what it is about, for errors.
            key: what it is about, for errors.
        """
        try:
            with as_lithops(bucket, key):
                return self._host.ask(operation)
        except NoSuchBucket:
            self._made.discard(bucket)  # whoever writes next makes it again
            raise

    async def asked(self, operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]]) -> T:
        """Return the same in any event loop, without holding it up: for ``async def`` functions.

        Args:
            operation: called with the `AsyncStorage`, on its own event loop.
        """
        with as_lithops():
            return await self._host.asked(operation)

    def make_bucket(self, bucket: str) -> None:
        """Make a bucket that is about to be written to, if `makes_buckets`."""
        if self.makes_buckets and bucket not in self._made:
            self.create_bucket(bucket)
            self._made.add(bucket)

    def own_bucket(self) -> str:
        """Return the storage's bucket.

        Raises:
            UsageError: the configuration names none.
        """
        if self.bucket is None:
            raise UsageError(f"the configuration of {self.backend!r} has no {BUCKET!r}")
        return self.bucket

    # Under the names of AsyncStorage.

    @property
    def scheme(self) -> str:
        """How its URLs begin, such as ``s3``."""
        return self._host.storage.backend.scheme

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket; one that is yours already is fine."""
        self.ask(lambda storage: storage.create_bucket(bucket), bucket)

    def head(self, bucket: str, key: str) -> ObjectInfo:
        """Return what is known of an object."""
        return self.ask(lambda storage: storage.head(bucket, key), bucket, key)

    def exists(self, bucket: str, key: str) -> bool:
        """Return whether there is such an object."""
        return self.ask(lambda storage: storage.exists(bucket, key), bucket, key)

    def copy(
        self, bucket: str, key: str, to_key: str, *, to_bucket: str | None = None
    ) -> ObjectInfo:
        """Copy an object within the storage, without its bytes coming by here."""
        self.make_bucket(to_bucket or bucket)
        return self.ask(
            lambda storage: storage.copy(bucket, key, to_key, to_bucket=to_bucket), bucket, key
        )

    def presigned_url(
        self,
        bucket: str,
        key: str,
        *,
        method: Literal["GET", "PUT"] = "GET",
        seconds: float = 3600.0,
    ) -> str:
        """Return a URL that reads or writes the object without credentials, for a while."""
        return self.ask(
            lambda storage: storage.presigned_url(bucket, key, method=method, seconds=seconds),
            bucket,
            key,
        )

    def stream(
        self, bucket: str, key: str, start: int | None = None, stop: int | None = None
    ) -> Iterator[bytes]:
        """Give an object's bytes, or those from `start` up to `stop`, in pieces of some MiB."""
        info = self.head(bucket, key)
        wanted = storage_calls.Wanted(start, stop, None)
        first, last = storage_calls.checked_span(wanted, info)
        with ReadingObject(self._host, info, first, last) as raw:
            while piece := raw.read(storage_calls.PIECE_BYTES):
                yield piece

    def open(  # noqa: PLR0917 - the parameters of `open`, in their order
        self,
        bucket: str,
        key: str,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> IO[Any]:
        """Open an object as a file; the parameters are those of Python's `open`.

        Reading fetches ranges. Writing sends parts while it goes on; the object is there, whole,
        when the file is closed, and not at all when its ``with`` block is left by an exception.
        ``+`` works on a local copy. Text is UTF-8 unless `encoding` says otherwise.

        Raises:
            StorageNoSuchKeyError: there is no such object.
            PreconditionFailed: with ``x``, there is one (also when the file is closed); with
                ``a`` and ``r+``, when it is closed: somebody else has changed it meanwhile.
        """
        if object_open.Mode.of(mode).action != "r":
            self.make_bucket(bucket)
        with as_lithops(bucket, key):
            return object_open.open_object(
                self._host, bucket, key, mode, buffering, encoding, errors, newline
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (None, None, self.config)

    def __repr__(self) -> str:
        return f"<Storage {self.backend} bucket={self.bucket!r}>"
