"""The function as a worker calls it: with readers for parts of objects, and a storage if wanted."""

from __future__ import annotations

import pickle
from contextlib import ExitStack, suppress
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
        coroutine: whether it is a coroutine function; its storage is an `AsyncStorage` then.
    """

    def __init__(
        self,
        func: Callable[..., Any],
        *,
        storage: bytes | None = None,
        objects: ObjectArgument | None = None,
        coroutine: bool = False,
    ) -> None:
        self.func = func  # by this name, its own name and kind are found
        self._storage = storage
        self._objects = objects
        self._coroutine = coroutine

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function; what was opened for it is closed when it has ended."""
        if self._coroutine:
            return self._awaited(args, kwargs)
        with ExitStack() as opened:
            value = self._begun(opened, args, kwargs)
            if type(value) is CoroutineType:  # it hid that it is a coroutine function
                return _finished(value, opened.pop_all())
            return value

    async def _awaited(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        with ExitStack() as opened:
            return await self._begun(opened, args, kwargs)

    def _begun(self, opened: ExitStack, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if self._storage is not None:
            kwargs["storage"] = self._face(self._storage, opened)
        objects = self._objects
        if objects is not None:
            place = objects.place
            if place is not None and place < len(args):
                reader = objects.reader(args[place])
                opened.callback(_close, reader)
                args = (*args[:place], reader, *args[place + 1 :])
            elif "obj" in kwargs:
                reader = kwargs["obj"] = objects.reader(kwargs["obj"])
                opened.callback(_close, reader)
        return self.func(*args, **kwargs)

    def _face(self, storage: bytes, opened: ExitStack) -> Any:
        if not self._coroutine:
            return pickle.loads(storage)
        from greenlithops.storage.mapping.shared import shared  # noqa: PLC0415 - in workers

        return opened.enter_context(shared(storage))


async def _finished(coroutine: CoroutineType[Any, Any, Any], opened: ExitStack) -> Any:
    with opened:
        return await coroutine


def _close(reader: ObjectReader) -> None:
    with suppress(ValueError):  # it was detached: then it is the program's own
        reader.close()
