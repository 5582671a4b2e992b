"""How values become bytes on either side: C speed for plain data, cloudpickle for the rest.

Arrays and large ``bytes`` leave the pickle stream as raw buffers (PEP 574), so that they are
copied once at most. cloudpickle is imported only when a value needs it.
"""

from __future__ import annotations

import io
import pickle

from greenlithops.worker.classes import digest_of, object_pickler

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from greenlithops.worker.classes import NameClass

Payload = tuple[bytes, list[memoryview]]  #: the pickle stream and its raw buffers

LARGE = 64 * 1024  #: bytes from which data travels beside the stream
_ATOMS = frozenset({int, float, bool, str, type(None)})
_KEPT_FILE_BYTES = 1 << 20


class _NotPlain(Exception):
    pass


class _PlainPickler(pickle.Pickler):
    """Pickles built-in containers and scalars; refuses everything else at once.

    The refusal keeps classes of ``__main__`` and of local modules from being pickled by a
    reference that the other side cannot, or must not, import.
    """

    def reducer_override(self, _: Any) -> Any:
        raise _NotPlain


class _LargeBytes:
    """Carries ``bytes`` outside of the stream; they are ``bytes`` again after loading."""

    __slots__ = ("_data",)

    def __init__(self, data: bytes) -> None:
        self._data = data

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return bytes, (pickle.PickleBuffer(self._data),)


def _outside(item: Any) -> Any:
    return _LargeBytes(item) if type(item) is bytes and len(item) >= LARGE else item


class Packer:
    """Pickles values one after the other; not to be shared between threads.

    Args:
        pack_object: pickles what is not plain data; `pack_any` by default.
    """

    def __init__(self, pack_object: Callable[[Any], Payload] | None = None) -> None:
        self._pack_object = pack_object or pack_any
        self._new_file()

    def _new_file(self) -> None:
        self._file = io.BytesIO()
        self._plain = _PlainPickler(self._file, 5)

    def pack(self, value: Any) -> Payload:
        """Return `value` as a payload.

        Raises:
            Exception: whatever the value's own ``__reduce__`` or pickle raises.
        """
        kind = type(value)
        if kind in _ATOMS:
            return pickle.dumps(value, 5), []
        if kind is bytes and len(value) >= LARGE:
            return self._pack_object(_LargeBytes(value))
        if kind is tuple:
            for item in value:
                if type(item) not in _ATOMS:
                    break
            else:
                return pickle.dumps(value, 5), []
            if any(type(item) is bytes and len(item) >= LARGE for item in value):
                return self._pack_object(tuple(map(_outside, value)))
        try:
            return self._pack_plain(value), []
        except _NotPlain:
            return self._pack_object(value)

    def _pack_plain(self, value: Any) -> bytes:
        file = self._file
        try:
            self._plain.dump(value)
            data = file.getvalue()
        except _NotPlain:
            self._reset()
            raise
        except BaseException:
            self._new_file()  # what is left of this one may be of no use
            raise
        self._reset()
        return data

    def _reset(self) -> None:
        if self._file.tell() > _KEPT_FILE_BYTES:
            self._new_file()  # lets the memory of a large value go
        else:
            self._file.seek(0)
            self._file.truncate()
            self._plain.clear_memo()


def pack_any(value: Any, name_class: NameClass = digest_of) -> Payload:
    """Return any picklable value as a payload: functions and lambdas by value.

    Args:
        value: what to pickle.
        name_class: returns the digest under which the other side knows a class, or None for a
            class that travels as cloudpickle has it.
    """
    buffers: list[memoryview] = []

    def keep(buffer: pickle.PickleBuffer) -> bool:
        raw = buffer.raw()
        if raw.nbytes < LARGE:
            return True  # in band: cheaper than a buffer of its own
        buffers.append(raw)
        return False

    file = io.BytesIO()
    object_pickler()(file, keep, name_class).dump(value)
    return file.getvalue(), buffers


def unpack(stream: bytes | memoryview, buffers: list[Any]) -> Any:
    """Return the value of a payload that came in an authenticated frame."""
    return pickle.loads(stream, buffers=buffers) if buffers else pickle.loads(stream)
