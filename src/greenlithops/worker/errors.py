"""How an exception of the user's function becomes data that always arrives."""

from __future__ import annotations

import pickle

from greenlithops.worker.pickling import Payload, pack_any

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

_TEXT_LIMIT = 100_000


def pack_error(error: BaseException, *, skip: int = 0) -> Payload:
    """Return an error as a payload of ``(pickled exception or None, type, text, traceback)``.

    Args:
        error: what was raised.
        skip: how many of the traceback's first frames are ours.
    """
    frames = error.__traceback__
    for _ in range(skip):
        frames = frames.tb_next if frames is not None else None
    import traceback  # noqa: PLC0415 - a fifth of a worker's start, and most never need it

    try:
        lines = traceback.format_exception(type(error), error, frames)
        trace = "".join(lines)[-_TEXT_LIMIT:]
    except BaseException as failure:  # noqa: BLE001 - an exception may even exit when printed
        trace = f"(the traceback cannot be shown: {failure!r})"
    pickled = _pickled(error)
    kind = type(error)
    name = kind.__qualname__
    if kind.__module__ not in ("builtins", "__main__"):
        name = f"{kind.__module__}.{name}"
    return pickle.dumps((pickled, name, _text(error), trace), 5), []


def _pickled(error: BaseException) -> bytes | None:
    # SystemExit, KeyboardInterrupt or a cancellation must not end the program that asks
    # for the result, so they are described instead of carried over.
    if not isinstance(error, Exception):
        return None
    try:
        stream, buffers = pack_any(error)
        if buffers:
            stream = pickle.dumps(error, 5)
    except BaseException:  # noqa: BLE001 - whatever its reduction raises, it is described instead
        return None
    return stream


def _text(value: Any) -> str:
    try:
        return str(value)[:_TEXT_LIMIT]
    except BaseException as failure:  # noqa: BLE001 - an exception may even exit when printed
        return f"(its text cannot be shown: {failure!r})"
