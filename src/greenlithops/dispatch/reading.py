"""What callers get of what workers send: the state that a call ends in, and its result or error."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.ledger import CANCELLED, DONE, FAILED
from greenlithops.dispatch.serialize import read_error, read_result
from greenlithops.errors import CallTimeout, GreenlithopsError, OutOfMemory
from greenlithops.worker import outbox

if TYPE_CHECKING:
    from greenlithops.dispatch.batch import RemoteFunction


class Reader:
    """Reads the outcomes of a function's calls.

    Args:
        function: which one.
        max_memory: bytes that a worker may use, or None.
    """

    def __init__(self, function: RemoteFunction, max_memory: int | None) -> None:
        self._function = function
        self._name = function.image.name
        self._max_memory = max_memory

    def read(self, status: int, blob: bytes, raw: list[Any], index: int) -> tuple[int, Any]:
        """Return the state that an outcome means, and the result or exception."""
        if status == outbox.DONE:
            try:
                return DONE, read_result(blob, raw, self._name, index)
            except GreenlithopsError as unreadable:
                return FAILED, unreadable
        if status == outbox.CANCELLED:
            return CANCELLED, None
        if status == outbox.TIMED_OUT:
            return FAILED, self.timeout_error(index)
        error = read_error(status, blob, self._name, index)
        if isinstance(error, MemoryError) and self._max_memory:
            return FAILED, self._out_of_memory(error, index)
        return FAILED, error

    def timeout_error(self, index: int) -> CallTimeout:
        """Return the error of a call that ran too long."""
        return CallTimeout(
            f"call {index} of {self._name} ran longer than its timeout of "
            f"{self._function.timeout} s and was stopped"
        )

    def _out_of_memory(self, error: MemoryError, index: int) -> OutOfMemory:
        found = OutOfMemory(
            f"call {index} of {self._name} needed more memory than its worker's max_memory of "
            f"{self._max_memory} bytes"
        )
        found.__cause__ = error
        return found


def read_all(blobs: list[bytes]) -> list[Any] | None:
    """Return many results at once; None if one cannot be read: the slow way tells which."""
    try:
        return list(map(pickle.loads, blobs))
    except BaseException:  # noqa: BLE001 - what unpickling raises is the user's
        return None
