"""Multipart uploads in a folder: each a folder of files, put together at the end."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from typing import TYPE_CHECKING

from greenlithops.backends.storage.contents import append, write
from greenlithops.backends.storage.folder import UPLOADS
from greenlithops.errors import NoSuchUpload
from greenlithops.objects import Part

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlithops.backends.storage.folder import Folder
    from greenlithops.objects import Buffer, ObjectInfo, PutOptions, Upload

TRIES, PAUSE = 20, 0.01


@contextlib.contextmanager
def _there(upload: Upload) -> Iterator[None]:
    """Say that an upload is gone where its folder, or what is in it, is not there any more."""
    try:
        yield
    except FileNotFoundError:
        raise NoSuchUpload(bucket=upload.bucket, key=upload.key) from None


class Parts:
    """The uploads of a `Folder` that are not finished."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    def start_upload(self, upload: Upload) -> None:
        """Make a folder for parts."""
        self._folder.bucket(upload.bucket)
        os.mkdir(os.path.join(self._folder.root, UPLOADS, upload.id), 0o700)

    def _parts(self, upload: Upload) -> str:
        path = os.path.join(self._folder.root, UPLOADS, os.path.basename(upload.id))
        if not os.path.isdir(path):
            raise NoSuchUpload(bucket=upload.bucket, key=upload.key)
        return path

    def put_part(self, upload: Upload, number: int, body: Buffer) -> Part:
        """Write a part."""
        target = os.path.join(self._parts(upload), str(number))
        with self._folder.temporary() as (path, descriptor):
            write(descriptor, body)
            with _there(upload):
                os.replace(path, target)
        return Part(number, str(number), len(body))

    def uploaded_parts(self, upload: Upload) -> list[Part]:
        """Return the parts that are there."""
        with _there(upload), os.scandir(self._parts(upload)) as entries:
            parts = [Part(int(entry.name), entry.name, entry.stat().st_size) for entry in entries]
        return sorted(parts, key=lambda part: part.number)

    def finish_upload(
        self, upload: Upload, parts: Sequence[Part], options: PutOptions
    ) -> ObjectInfo:
        """Put parts together."""
        folder = self._parts(upload)
        with self._folder.temporary() as (path, descriptor):
            for part in parts:
                with _there(upload), open(os.path.join(folder, str(part.number)), "rb") as file:
                    append(file.fileno(), descriptor)
            info = self._folder.named(path, descriptor, upload.bucket, upload.key, options)
        shutil.rmtree(folder, ignore_errors=True)
        return info

    def abort_upload(self, upload: Upload) -> None:
        """Drop parts."""
        path = os.path.join(self._folder.root, UPLOADS, os.path.basename(upload.id))
        # Under another name nothing that is still being written can come in any more.
        with contextlib.suppress(FileNotFoundError):
            os.rename(path, f"{path}.gone")
        for _ in range(TRIES):
            shutil.rmtree(f"{path}.gone", ignore_errors=True)
            if not os.path.exists(f"{path}.gone"):
                return
            time.sleep(PAUSE)  # a part whose way was found before the renaming came in after it
