"""``os`` for objects: files are objects, directories are what their keys have in common."""

from __future__ import annotations

import errno
import functools
import os as base_os
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, NoReturn

from greenlithops.errors import InvalidName, NoSuchBucket, NoSuchKey, NotSupported
from greenlithops.storage_os import calls
from greenlithops.storage_os.cloud import CloudStorage
from greenlithops.storage_os.entries import Scan, StorageEntry
from greenlithops.storage_os.failures import named, os_error
from greenlithops.storage_os.file_paths import StoragePath
from greenlithops.storage_os.places import OWN_SCHEME, Place, place_of, status
from greenlithops.sync.object_open import Mode

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from greenlithops.objects import ObjectInfo
    from greenlithops.storage_os.places import FilePath, Listed
    from greenlithops.sync.storage import Storage

#: they would act on a file of this machine that happens to have the same name
_MEANINGLESS = frozenset(
    (
        *("chflags", "chmod", "chown", "chroot", "lchflags", "lchmod", "lchown", "link"),
        *("mkfifo", "mknod", "pathconf", "readlink", "statvfs", "symlink", "truncate", "utime"),
        *("getxattr", "listxattr", "removexattr", "setxattr"),
    )
)


def _refused(name: str) -> Callable[..., NoReturn]:
    """Return a function that only says that it is none; who asks for its name shall not fail."""

    def refuse(*_arguments: object, **_options: object) -> NoReturn:
        raise NotSupported(f"os.{name} has no meaning for objects")

    return refuse


class CloudFileProxy:
    """Stands for the module ``os``, and its ``open``, over a storage. It travels with calls.

    A path names an object in the storage's bucket; one such as ``s3://bucket/key`` another
    bucket. Directories exist as long as something is in them, or since `mkdir`; no directory has
    to be made before something is written into it. What is not about files is that of the real
    ``os``.

    Args:
        cloud_storage: the storage; by default the one that is configured.
    """

    def __init__(self, cloud_storage: Storage | None = None) -> None:
        self._storage = cloud_storage or CloudStorage()
        self.path = StoragePath(self)

    def __getattr__(self, name: str) -> Any:
        return _refused(name) if name in _MEANINGLESS else getattr(base_os, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._storage,)

    def __repr__(self) -> str:
        return f"<os over {self._storage!r}>"

    # What paths name.

    def _place(self, path: FilePath) -> Place:
        storage = self._storage
        schemes = {OWN_SCHEME, storage.backend, storage.scheme}
        return place_of(path, storage.bucket, schemes)

    def absolute(self, path: FilePath) -> str:
        """Return a path from the top of its bucket."""
        place = self._place(path)
        if place.bucket == self._storage.bucket:
            return f"/{place.key}"
        return f"{OWN_SCHEME}://{place.bucket}/{place.key}"

    def look(self, path: FilePath) -> tuple[ObjectInfo | None, bool]:
        """Return the object that a path names, or None, and whether it names a directory."""
        place = self._place(path)
        return self._storage.ask(lambda storage: calls.found(storage, place))

    def stat(self, path: FilePath, **_: Any) -> base_os.stat_result:
        """Return size and time of an object, or that it is a directory.

        Raises:
            FileNotFoundError: it is neither.
        """
        with named(path):
            info, below = self.look(path)
        if info is None and not below:
            raise os_error(errno.ENOENT, path)
        return status(info)

    lstat = stat

    def access(self, path: FilePath, mode: int, **_: Any) -> bool:
        """Return whether it is there; nothing can be executed."""
        return self.path.exists(path) and not mode & base_os.X_OK

    # Files.

    def open(  # noqa: PLR0917 - the parameters of `open`, in their order
        self,
        filename: FilePath | int,
        mode: str = "r",
        buffering: int = -1,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
        closefd: bool = True,
        opener: Callable[[str, int], int] | None = None,
    ) -> IO[Any]:
        """Open an object as a file, with every mode of Python's `open`.

        Text is UTF-8 unless `encoding` says otherwise. What is written is seen when the file is
        closed, and not at all when its ``with`` block is left by an exception. Descriptors are
        opened as what they are.

        Raises:
            FileNotFoundError: there is no such object.
            FileExistsError: there is one, and the mode is ``x``.
            IsADirectoryError: the path is a directory's.
        """
        Mode.of(mode)  # before anything is asked
        if isinstance(filename, int):
            return base_os.fdopen(
                filename, mode, buffering, encoding, errors, newline, closefd, opener
            )
        place = self._place(filename)
        if place.is_folder:
            raise os_error(errno.EISDIR, filename)
        with named(filename):
            try:
                return self._storage.open(
                    place.bucket, place.key, mode, buffering, encoding, errors, newline
                )
            except NoSuchKey:
                if self.path.isdir(filename):
                    raise os_error(errno.EISDIR, filename) from None
                raise

    def remove(self, path: FilePath, **_: Any) -> None:
        """Delete an object.

        Raises:
            FileNotFoundError: there is none.
            IsADirectoryError: the path is a directory's.
        """
        with named(path):
            info, below = self.look(path)
        if info is None:
            raise os_error(errno.EISDIR if below else errno.ENOENT, path)
        self._storage.delete_object(info.bucket, info.key)

    unlink = remove

    def rename(self, src: FilePath, dst: FilePath, **_: Any) -> None:
        """Rename an object, or everything below a path.

        Objects are copied within the storage and then deleted: others may see both for a while.

        Raises:
            FileNotFoundError: there is no `src`.
            IsADirectoryError: an object would become a directory that is there.
            NotADirectoryError: a directory would become an object that is there.
        """
        source, target = self._place(src), self._place(dst)
        with named(src):
            info, below = self.look(src)
        if info is None and not below:
            raise os_error(errno.ENOENT, src)
        if (source.bucket, source.name) == (target.bucket, target.name):
            return
        there, occupied = self.look(dst)
        self._storage.make_bucket(target.bucket)
        if info is not None:
            if occupied and there is None:
                raise os_error(errno.EISDIR, dst)
            self._storage.ask(lambda storage: calls.moved(storage, source, target))
            return
        if there is not None:
            raise os_error(errno.ENOTDIR, dst)
        if occupied and self._has_more(target):
            raise os_error(errno.ENOTEMPTY, dst)
        if target.bucket == source.bucket and target.prefix.startswith(source.prefix):
            raise os_error(errno.EINVAL, dst)
        self._storage.ask(lambda storage: calls.directory_moved(storage, source, target))

    replace = renames = rename

    # Directories.

    def listdir(self, path: FilePath = "", suffix_dirs: bool = False) -> list[str]:
        """Return the names in a directory, in order; none if there is no such directory.

        Args:
            path: the directory; by default the top of the bucket.
            suffix_dirs: whether the names of directories end with a slash.

        Raises:
            NotADirectoryError: the path is an object's.
        """
        found = self._directory(path)
        return list(
            dict.fromkeys(
                f"{entry.name}/" if suffix_dirs and entry.info is None else entry.name
                for entry in found
            )
        )

    def _directory(self, path: FilePath) -> list[Listed]:
        place = self._place(path)
        with named(path):
            try:
                found = self._storage.ask(lambda storage: calls.directory(storage, place))
            except NoSuchBucket:
                if not self._storage.makes_buckets:
                    raise
                found = []
        if not found and not place.is_folder and self.path.isfile(path):
            raise os_error(errno.ENOTDIR, path)
        return found

    def scandir(self, path: FilePath = "") -> Scan:
        """Return what is in a directory, as entries like those of `os.scandir`."""
        folder = base_os.fsdecode(path)
        return Scan([StorageEntry(folder, entry) for entry in self._directory(path)])

    def walk(
        self,
        top: FilePath,
        topdown: bool = True,
        onerror: Callable[[OSError], object] | None = None,
        followlinks: bool = False,
    ) -> Iterator[tuple[str, list[str], list[str]]]:
        """Give ``(path, names of directories, names of files)`` of a directory and all below it.

        Args:
            top: where to begin; nothing is given if it is not there.
            topdown: whether a directory comes before those in it. Then names that are removed
                from the list of directories are not gone into.
            onerror: told of errors, which are ignored otherwise.
            followlinks: there are no links.
        """
        path = base_os.fsdecode(top)
        try:
            found = self._directory(path)
            if not found and not self.path.isdir(path):
                raise os_error(errno.ENOENT, path)
        except OSError as error:
            if onerror is not None:
                onerror(error)
            return
        directories = [entry.name for entry in found if entry.info is None]
        files = [entry.name for entry in found if entry.info is not None]
        if topdown:
            yield path, directories, files
        for name in directories:
            yield from self.walk(self.path.join(path, name), topdown, onerror, followlinks)
        if not topdown:
            yield path, directories, files

    def mkdir(self, path: FilePath, mode: int = 0o777, **_: Any) -> None:  # noqa: ARG002 - as os has it
        """Make a directory that is seen although nothing is in it; one that is there is fine.

        A storage that keeps objects as files, such as SeaweedFS, does not show it before.

        Raises:
            FileExistsError: there is an object of this name.
        """
        place = self._place(path)
        self._storage.make_bucket(place.bucket)
        text = base_os.fsdecode(path)
        info, below = self.look(text.rstrip("/") if place.key else text)
        if info is not None:
            raise os_error(errno.EEXIST, path)
        if not below:
            with suppress(InvalidName):  # it is there, then, from what is first written into it
                self._storage.put_object(place.bucket, place.prefix, b"")

    def makedirs(self, name: FilePath, mode: int = 0o777, exist_ok: bool = False) -> None:  # noqa: ARG002 - as os has it
        """Make a directory, as `mkdir` does; those above it need not be made."""
        self.mkdir(name)

    def rmdir(self, path: FilePath, **_: Any) -> None:
        """Remove an empty directory.

        Raises:
            OSError: it is not empty, not there, or an object.
        """
        place = self._place(path)
        with named(path):
            info, below = self.look(path)
        if not below:
            raise os_error(errno.ENOENT if info is None else errno.ENOTDIR, path)
        if self._has_more(place):
            raise os_error(errno.ENOTEMPTY, path)
        self._storage.delete_object(place.bucket, place.prefix)

    def removedirs(self, name: FilePath) -> None:
        """Remove an empty directory; those above it are not there without it."""
        self.rmdir(name)

    def _has_more(self, place: Place) -> bool:
        """Return whether there is something below a path besides the directory itself."""
        more = functools.partial(calls.has_below, place=place, besides=place.prefix)
        return self._storage.ask(more)
