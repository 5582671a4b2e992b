"""Large arrays of calls, in files that workers of this machine map into their memory."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import pickle
import shutil
import tempfile
import threading
from typing import Any

from greenlithops.dispatch.serialize import culprit

SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a folder of our own is made in it
ROOM = 1 << 30  #: bytes that have to be free in shared memory to use it


class ArrayFiles:
    """Large arrays of one call of `Parallel`, each in a file that is named by its content.

    Args:
        least: bytes from which an array is large.
        folder: where the files go; by default in shared memory where there is room.
    """

    def __init__(self, least: int, folder: str | None = None) -> None:
        self._least = least
        self._place = folder or os.environ.get("JOBLIB_TEMP_FOLDER") or _place()
        self._folder = ""
        self._known: dict[int, tuple[Any, str]] = {}
        self._lock = threading.Lock()

    def dumps(self, value: Any) -> bytes:
        """Return a pickle in which large arrays are references to files.

        Raises:
            PicklingError: it cannot be pickled; its cause says why.
        """
        file = io.BytesIO()
        try:
            _pickler()(file, self).dump(value)
        except Exception as error:
            text = f"Could not pickle the task to send to the workers: {culprit(value, error)}"
            raise pickle.PicklingError(text) from error
        return file.getvalue()

    def reference(self, array: Any) -> str | None:
        """Return the file of an array, or None if it travels as it is."""
        if array.nbytes < self._least or array.dtype.hasobject:
            return None
        with self._lock:
            known = self._known.get(id(array))
            if known is None:
                known = self._known[id(array)] = (array, self._written(array))  # held: its id is
            return known[1]

    def _written(self, array: Any) -> str:
        import numpy as np  # noqa: PLC0415 - there is an array, so it is loaded

        plain = np.ascontiguousarray(array) if not array.flags.forc else array
        digest = hashlib.blake2b(
            plain.data.cast("B") if plain.flags.c_contiguous else plain.T.data.cast("B")
        )
        digest.update(repr((plain.dtype.str, plain.shape, plain.flags.c_contiguous)).encode())
        if not self._folder:
            self._folder = tempfile.mkdtemp(prefix="greenlithops-joblib-", dir=self._place)
        path = f"{self._folder}/{digest.hexdigest()[:32]}.npy"
        if not os.path.exists(path):  # noqa: PTH110 - the path is text
            np.save(path, plain)
        return path

    def close(self) -> None:
        """Remove the files; who has mapped them keeps them."""
        self._known.clear()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)
            self._folder = ""


def _place() -> str | None:
    try:
        free = shutil.disk_usage(SHARED_MEMORY).free
    except OSError:
        return None
    return SHARED_MEMORY if free > ROOM and os.access(SHARED_MEMORY, os.W_OK) else None


def mapped(path: str) -> Any:
    """Return the array of a file, mapped into memory, read-only."""
    import numpy as np  # noqa: PLC0415 - in the worker, on first use

    return np.load(path, mmap_mode="r")


@functools.cache
def _pickler() -> Any:
    import cloudpickle  # noqa: PLC0415 - on first use

    class ArrayPickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no types
        def __init__(self, file: io.BytesIO, files: ArrayFiles) -> None:
            super().__init__(file, 5)
            self._files = files

        def reducer_override(self, obj: Any) -> Any:
            if type(obj).__module__ == "numpy" and type(obj).__name__ in {"ndarray", "memmap"}:
                path = self._files.reference(obj)
                if path is not None:
                    return mapped, (path,)
            return super().reducer_override(obj)

    return ArrayPickler
