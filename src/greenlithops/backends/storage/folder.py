"""The files behind storage in a folder: blocking, atomic, safe among processes."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
import time
from typing import TYPE_CHECKING, Any

from greenlithops.backends.storage import properties
from greenlithops.backends.storage.contents import Opened, append, bounds_of, write
from greenlithops.backends.storage.paths import SIDECAR, folder_of, path_of
from greenlithops.backends.storage.walk import page
from greenlithops.errors import (
    AccessDenied,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    StorageError,
)
from greenlithops.files import file_version
from greenlithops.locks import held, hold, locked
from greenlithops.objects import ObjectInfo, PutOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from greenlithops.objects import Buffer, ListQuery, Page, Span

TEMPORARY, UPLOADS, LOCKS = "%tmp", "%uploads", "%locks"  #: no bucket can have these names
STALE_SECONDS = 7 * 86_400.0
MISSING_FOLDER_TRIES = 100
LOOKS = 50  #: at an object that is another one each time that something beside it is looked at


class Folder:
    """Buckets and objects below a folder."""

    def __init__(self, root: str) -> None:
        self.root = root

    def prepare(self) -> None:
        """Make what is needed, for this user only; drop what a killed process left long ago."""
        os.makedirs(os.path.dirname(self.root), mode=0o700, exist_ok=True)
        for name in ("", TEMPORARY, UPLOADS, LOCKS):
            os.makedirs(os.path.join(self.root, name), mode=0o700, exist_ok=True)
        if hasattr(os, "getuid") and os.stat(self.root).st_uid not in (os.getuid(), 0):
            raise AccessDenied(f"the storage's folder {self.root} belongs to somebody else")
        for place in (TEMPORARY, UPLOADS):
            for entry in os.scandir(os.path.join(self.root, place)):
                with contextlib.suppress(FileNotFoundError):
                    old = time.time() - entry.stat().st_mtime > STALE_SECONDS
                    if old or (place == TEMPORARY and _writer_gone(entry)):
                        _removed(entry.path)

    # Buckets.

    def bucket(self, bucket: str) -> str:
        """Return the folder of a bucket."""
        path = os.path.join(self.root, folder_of(bucket))
        if not os.path.isdir(path):
            raise NoSuchBucket(f"there is no bucket {bucket!r} in {self.root}", bucket=bucket)
        return path

    def create_bucket(self, bucket: str) -> None:
        """Make a bucket."""
        path = os.path.join(self.root, folder_of(bucket))
        os.makedirs(path, mode=0o700, exist_ok=True)
        if not os.path.isdir(os.path.join(self.root, TEMPORARY)):
            self.prepare()  # somebody has cleared everything away

    def delete_bucket(self, bucket: str) -> None:
        """Delete an empty bucket."""
        try:
            os.rmdir(self.bucket(bucket))
        except OSError as error:
            if isinstance(error, StorageError) or error.errno != errno.ENOTEMPTY:
                raise
            raise StorageError(f"the bucket {bucket} is not empty", bucket=bucket) from None

    # Objects.

    def put(self, bucket: str, key: str, body: Buffer, options: PutOptions) -> ObjectInfo:
        """Write an object."""
        self.bucket(bucket)
        with self.temporary() as (path, descriptor):
            write(descriptor, body)
            return self.named(path, descriptor, bucket, key, options)

    @contextlib.contextmanager
    def temporary(self) -> Iterator[tuple[str, int]]:
        """Give a new file, path and descriptor; it is gone in the end, unless it got a name."""
        path = os.path.join(self.root, TEMPORARY, _temporary_name())
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            hold(descriptor)
            yield path, descriptor
        finally:
            os.close(descriptor)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)

    def named(
        self, path: str, descriptor: int, bucket: str, key: str, options: PutOptions
    ) -> ObjectInfo:
        """Give a whole file its name, all conditions kept."""
        target = os.path.join(self.bucket(bucket), path_of(key))
        kept = properties.of_options(options)
        with self._locked(bucket):
            self._check(bucket, key, options)
            # Kernels give files that are written within some milliseconds the same time, and a
            # new one the number of one that is gone: together they would be its version.
            now = time.time_ns()
            os.utime(path, ns=(now, now))
            status = os.fstat(descriptor)
            # Somebody who deletes without this lock may remove an empty folder just now.
            for attempt in range(MISSING_FOLDER_TRIES):
                try:
                    os.makedirs(os.path.dirname(target), mode=0o700, exist_ok=True)
                    if kept:
                        self._write_sidecar(target, file_version(status), kept)
                    os.replace(path, target)
                    break
                except FileNotFoundError:
                    self.bucket(bucket)
                    if attempt == MISSING_FOLDER_TRIES - 1:
                        raise
        return _info(bucket, key, status, kept)

    def _check(self, bucket: str, key: str, options: PutOptions) -> None:
        if not (options.if_absent or options.if_match):
            return
        found = _status_of(os.path.join(self.bucket(bucket), path_of(key)))
        if options.if_absent and found is not None:
            raise PreconditionFailed(f"{key} is there already", bucket=bucket, key=key)
        if options.if_match and (found is None or file_version(found) != options.if_match):
            raise PreconditionFailed(f"{key} is another one by now", bucket=bucket, key=key)

    def _write_sidecar(self, target: str, version: str, kept: dict[str, Any]) -> None:
        with self.temporary() as (path, descriptor):
            write(descriptor, properties.to_keep(target + SIDECAR, version, kept))
            os.replace(path, target + SIDECAR)

    def _locked(self, bucket: str) -> contextlib.AbstractContextManager[None]:
        """Keep other writers away while an object and what belongs to it are replaced."""
        return locked(os.path.join(self.root, LOCKS, folder_of(bucket)))

    def open(
        self, bucket: str, key: str, span: Span | None, eager: int, looks: int = LOOKS
    ) -> Opened:
        """Open an object, and read the first `eager` bytes of the span."""
        path = os.path.join(self.bucket(bucket), path_of(key))
        try:
            descriptor = os.open(path, os.O_RDONLY)
        except (FileNotFoundError, NotADirectoryError):
            raise _missing(bucket, key) from None
        with contextlib.ExitStack() as undo:
            undo.callback(os.close, descriptor)
            status = os.fstat(descriptor)
            kept = _kept(path, status)
            if kept is not None or looks == 1:
                info = _info(bucket, key, status, kept or {})
                opened = Opened(descriptor, info, *bounds_of(info, span))
                opened.first = opened.read(opened.start, min(opened.start + eager, opened.stop))
                undo.pop_all()
                return opened
        return self.open(bucket, key, span, eager, looks - 1)

    def head(self, bucket: str, key: str, looks: int = LOOKS) -> ObjectInfo:
        """Return what is known of an object."""
        path = os.path.join(self.bucket(bucket), path_of(key))
        status = _status_of(path)
        if status is None:
            raise _missing(bucket, key)
        kept = _kept(path, status)
        if kept is None and looks > 1:
            return self.head(bucket, key, looks - 1)
        return _info(bucket, key, status, kept or {})

    def list_page(self, bucket: str, query: ListQuery, token: str | None) -> Page:
        """Return a part of a listing."""
        return page(
            self.bucket(bucket), query, token, lambda key, status: _info(bucket, key, status, None)
        )

    def delete(self, bucket: str, keys: Sequence[str]) -> dict[str, StorageError]:
        """Delete objects, and folders that are empty then."""
        top = self.bucket(bucket)
        errors: dict[str, StorageError] = {}
        with self._locked(bucket):
            for key in keys:
                path = os.path.join(top, path_of(key)) if key else top
                try:
                    for name in (path, path + SIDECAR):
                        with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                            os.unlink(name)
                    _prune(os.path.dirname(path), top)
                except OSError as error:
                    errors[key] = StorageError(f"{key}: {error}", bucket=bucket, key=key)
        return errors

    def copy(self, source: ObjectInfo, bucket: str, key: str) -> ObjectInfo:
        """Copy an object."""
        self.bucket(bucket)
        opened = self.open(source.bucket, source.key, None, 0)
        try:
            if opened.info.etag != source.etag:
                raise PreconditionFailed(f"{source.key} is another one by now", bucket=bucket)
            info = opened.info
            with self.temporary() as (path, descriptor):
                append(opened.descriptor, descriptor)
                options = PutOptions(info.content_type, info.metadata)
                return self.named(path, descriptor, bucket, key, options)
        finally:
            opened.close()


def _status_of(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _kept(path: str, status: os.stat_result) -> dict[str, Any] | None:
    """Return what is kept with an object; None if it was replaced since its status was asked.

    One that was replaced twice since then is known beside it no more.
    """
    version = file_version(status)
    kept = properties.of_version(path + SIDECAR, version)
    if kept is not None:
        return kept
    now = _status_of(path)
    return {} if now is not None and file_version(now) == version else None


def _prune(folder: str, top: str) -> None:
    while folder != top:
        try:
            os.rmdir(folder)
        except OSError:
            return  # there is more in it, or somebody else was quicker
        folder = os.path.dirname(folder)


def _temporary_name() -> str:
    return f"{os.getpid()}-{secrets.token_hex(16)}"


def _writer_gone(entry: os.DirEntry[str]) -> bool:
    """Return whether the process that made a temporary file has ended."""
    pid = entry.name.partition("-")[0]
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return not held(entry.path)  # by one in a container, which has no such number here
    except (ValueError, PermissionError):
        return False
    return False


def _removed(path: str) -> None:
    if os.path.isdir(path):
        shutil.rmtree(path, ignore_errors=True)
    else:
        os.unlink(path)


def _info(
    bucket: str, key: str, status: os.stat_result, kept: Mapping[str, Any] | None
) -> ObjectInfo:
    known = kept or {}
    media = None if kept is None else known.get("content_type", "application/octet-stream")
    metadata = known.get("metadata", {})
    return ObjectInfo(
        bucket, key, status.st_size, file_version(status), status.st_mtime, media, metadata
    )


def _missing(bucket: str, key: str) -> NoSuchKey:
    return NoSuchKey(f"{bucket} has no object {key!r}", bucket=bucket, key=key)
