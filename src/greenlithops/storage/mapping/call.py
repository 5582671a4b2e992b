"""The function as a worker calls it: with readers for parts of objects, and a storage if wanted."""

from __future__ import annotations

import pickle
from contextlib import suppress
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.storage.mapping.reader import ObjectReader


class ObjectArgument(NamedTuple):
    """What a worker must know to fill the parameter ``obj``.

    Attributes:
        place: its position among the positional parameters; None: it is given by name.
        newline: what ends a record, or None.
        storages: pickled storages by the names that parts have for them.
    """

    place: int | None
    newline: bytes | None
    storages: Mapping[str, bytes]

    def reader(self, wire: tuple[Any, ...]) -> ObjectReader:
        """Return the reader of a part."""
        from greenlithops.storage.mapping.origins import origin  # noqa: PLC0415 - in workers
        from greenlithops.storage.mapping.part import Part  # noqa: PLC0415 - in workers
        from greenlithops.storage.mapping.reader import ObjectReader  # noqa: PLC0415 - in workers

        part = Part(*wire)
        return ObjectReader(part, self.newline, origin(part, self.storages))


class PreparedCall:
    """Fills the reserved parameters of a function in the worker.

    Args:
        func: the user's function.
        storage: a pickled value for the parameter ``storage``; None if there is no such
            parameter.
        objects: how the parameter ``obj`` is filled; None if there is no such parameter.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        storage: bytes | None = None,
        objects: ObjectArgument | None = None,
    ) -> None:
        self.func = func  # by this name, its own name and kind are found
        self._storage = storage
        self._objects = objects

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; what was opened for it is closed when it has ended."""
        if self._storage is not None:
            kwargs["storage"] = pickle.loads(self._storage)
        reader, objects = None, self._objects
        if objects is not None:
            place = objects.place
            if place is not None and place < len(args):
                reader = objects.reader(args[place])
                args = (*args[:place], reader, *args[place + 1 :])
            elif "obj" in kwargs:
                reader = kwargs["obj"] = objects.reader(kwargs["obj"])
        try:
            value = self.func(*args, **kwargs)
        except BaseException:
            _close(reader)
            raise
        if type(value) is CoroutineType:
            return _awaited(value, reader)
        _close(reader)
        return value


async def _awaited(coroutine: CoroutineType[Any, Any, Any], reader: ObjectReader | None) -> Any:
    try:
        return await coroutine
    finally:
        _close(reader)


def _close(reader: ObjectReader | None) -> None:
    if reader is not None:
        with suppress(ValueError):  # it was detached: then it is the program's own
            reader.close()
