"""A map over objects: the function as workers call it, and an element for every part."""

from __future__ import annotations

from array import array
from collections.abc import AsyncIterable
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.dispatch.partition import Cut, Place, count, spans
from greenlithops.storage.mapping.call import ObjectArgument
from greenlithops.storage.mapping.finding import check_reach, found_in_order
from greenlithops.storage.mapping.part import FILE, HTTP, Part
from greenlithops.storage.mapping.prepare import prepared
from greenlithops.storage.mapping.sources import is_one, source

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Iterator

    from greenlithops.storage.mapping.call import PreparedCall
    from greenlithops.storage.mapping.finding import Found
    from greenlithops.storage.mapping.sources import Source
    from greenlithops.storage.mapping.storages import Storages


class ObjectMap:
    """A function with a parameter ``obj``, and what it is mapped over.

    Args:
        function: the user's.
        how: how objects are cut.
        storages: where they are.
        extra: further arguments for every call, as `plan.extension` takes them.
        shared_memory: whether workers live in this process.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        how: Cut,
        storages: Storages,
        *,
        extra: plan.Extra = None,
        shared_memory: bool = False,
    ) -> None:
        self.parts = array("q")  #: how many parts each object has that was given so far
        self._place = Place.of(function)
        self._how = how
        self._storages = storages
        self._extend = plan.extension(extra) or _as_it_is
        self._shared_memory = shared_memory
        self._function = function
        self._told: dict[str, bytes] | None = None  #: storages that travel with the function
        self._later: dict[str, bytes] = {}  #: those that were found after it was sent

    @property
    def function(self) -> PreparedCall:
        """The function as workers call it; they get every storage that is known by now."""
        self._told = self._storages.specs()
        how = ObjectArgument(self._place.taken, self._how.newline, self._told)
        return prepared(self._function, self._storages.own, how)

    async def elements(self, data: Any) -> AsyncGenerator[Any]:
        """Give an element for every part of every object that the elements of `data` name."""
        sources = self._sources([data] if is_one(data) else data)
        async with aclosing(found_in_order(sources, self._storages)) as objects:
            async for make, found in objects:
                if found is None:
                    self.parts.append(1)
                    yield make
                    continue
                check_reach(found, shared_memory=self._shared_memory)
                self.parts.append(self._count(found))
                for part in self._parts(found):
                    yield make(tuple(part))

    def groups(self, results: list[Any]) -> Iterator[list[Any]]:
        """Give the results of the parts of each object."""
        first = 0
        for number in self.parts:
            yield results[first : first + number]
            first += number

    async def _sources(self, data: Any) -> AsyncGenerator[tuple[Any, Source | None]]:
        async with aclosing(_each(data)) as elements:
            async for element in elements:
                extended = self._extend(element)
                named = self._place.find(extended)
                if named is None:
                    yield extended, None
                else:
                    given, make = named
                    yield make, source(given)

    def _count(self, found: Found) -> int:
        whole = found.size is None or not found.ranges
        return 1 if whole else count(found.size or 0, self._how)

    def _origin(self, name: str) -> str | bytes:
        """Return an origin's name, or, where the function was sent without it, the storage."""
        if self._told is None or name in (FILE, HTTP) or name in self._told:
            return name
        if name not in self._later:
            self._later = self._storages.specs()
        return self._later[name]

    def _parts(self, found: Found) -> Iterator[Part]:
        total = self._count(found)
        about = (self._origin(found.origin), found.backend, found.bucket, found.key, found.where)
        if found.size is None or not found.ranges:
            yield Part(*about, 0, found.size, found.size, found.etag, 1, 1)
            return
        for number, (start, stop) in enumerate(spans(found.size, self._how), 1):
            yield Part(*about, start, stop, found.size, found.etag, number, total)


async def _each(data: Any) -> AsyncGenerator[Any]:
    if isinstance(data, AsyncIterable):
        async for element in data:
            yield element
        return
    for element in data:
        yield element


def _as_it_is(element: Any) -> Any:
    return element
