"""Lists that processes on different machines share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from greenlithops.backends.state.steps import Command, Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import containers_lua as lua
from greenlithops.multiprocessing.proxies import BaseProxy, Called
from greenlithops.multiprocessing.shared import Shared, operation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

AT_ONCE = 5000  #: values of one request, which stands in the server's memory


class List(Shared):
    """The operations of a shared list. Values are copies: change one and put it back."""

    kind = "list"

    def __init__(self, content: Iterable[Any] = (), *, session: Any = None) -> None:
        super().__init__(session=session)
        self._session.run(_one(Run(lua.MAKE, (self._key,))))
        self.extend(content)

    def _blob(self, value: Any) -> bytes:
        return self._session.seal(self._key, value)

    def _value(self, blob: bytes) -> Any:
        return self._session.unseal(self._key, blob)

    @operation
    def append(self, obj: Any) -> Steps[None]:
        """Add a value at the end."""
        yield Run(lua.LIST_EXTEND, (self._key,), (self._blob(obj),))

    @operation
    def extend(self, iterable: Iterable[Any]) -> Steps[None]:
        """Add values at the end."""
        blobs = [self._blob(value) for value in iterable]
        for start in range(0, len(blobs), AT_ONCE):
            yield Run(lua.LIST_EXTEND, (self._key,), tuple(blobs[start : start + AT_ONCE]))

    @operation
    def __getitem__(self, index: Any) -> Steps[Any]:
        if isinstance(index, slice):
            return (yield from self._everything())[1][index]
        at = index.__index__()
        blob = yield Command(("LINDEX", f"{self._key}:i", at))
        if blob is not None:
            return self._value(blob)
        if not (yield Command(("EXISTS", self._key))):
            raise StateLost(f"{self._key} is not on the state server any more")
        raise IndexError("list index out of range")

    @operation
    def __setitem__(self, index: Any, value: Any) -> Steps[None]:
        if isinstance(index, slice):
            values = list(value)
            yield from self._edited(lambda found: found.__setitem__(index, values))
            return
        if (yield Run(lua.LIST_SET, (self._key,), (index.__index__(), self._blob(value)))) < 0:
            raise IndexError("list assignment index out of range")

    @operation
    def __delitem__(self, index: Any) -> Steps[None]:
        if isinstance(index, slice):
            yield from self._edited(lambda found: found.__delitem__(index))
        elif not (yield Run(lua.LIST_POP, (self._key,), (index.__index__(),))):
            raise IndexError("list assignment index out of range")

    @operation
    def pop(self, index: int = -1, /) -> Steps[Any]:
        """Remove the value at an index; return it."""
        found = yield Run(lua.LIST_POP, (self._key,), (index.__index__(),))
        if not found:
            raise IndexError("pop index out of range")
        return self._value(found[0])

    @operation
    def __len__(self) -> Steps[int]:
        length: int = yield Run(lua.LIST_LEN, (self._key,))
        return length

    @operation
    def tolist(self) -> Steps[list[Any]]:
        """Return what is in it, as a list."""
        return (yield from self._everything())[1]

    @operation
    def insert(self, index: int, obj: Any) -> Steps[None]:
        """Insert a value before an index."""
        yield from self._edited(lambda found: found.insert(index, obj))

    @operation
    def remove(self, obj: Any) -> Steps[None]:
        """Remove the first value that is equal.

        Raises:
            ValueError: there is none.
        """
        yield from self._edited(lambda found: found.remove(obj))

    @operation
    def reverse(self) -> Steps[None]:
        """Reverse the order."""
        yield from self._edited(lambda found: found.reverse())

    @operation
    def sort(
        self, *, key: Callable[[Any], Any] | None = None, reverse: bool = False
    ) -> Steps[None]:
        """Sort the values."""
        yield from self._edited(lambda found: found.sort(key=key, reverse=reverse))

    @operation
    def clear(self) -> Steps[None]:
        """Remove everything."""
        yield from self._edited(lambda found: found.clear())

    @operation
    def __imul__(self, times: int) -> Steps[Any]:
        yield from self._edited(lambda found: found.__imul__(times))
        return self

    def _everything(self) -> Steps[tuple[bytes, list[Any]]]:
        version, blobs = yield Run(lua.LIST_ALL, (self._key,))
        return version, [self._value(blob) for blob in blobs]

    def _edited(self, edit: Callable[[list[Any]], object]) -> Steps[None]:
        """Change a copy and write it back, again and again until nobody else was faster."""
        while True:
            version, values = yield from self._everything()
            edit(values)
            blobs = [self._blob(value) for value in values]
            if (yield Run(lua.LIST_REPLACE, (self._key,), (version, *blobs))):
                return

    def __iadd__(self, values: Iterable[Any]) -> List:  # type: ignore[misc]  # noqa: PYI034 - the proxy itself, as a list's is the list
        self.extend(values)
        return self

    def __iter__(self) -> Iterator[Any]:
        yield from self.tolist()

    def __reversed__(self) -> Iterator[Any]:
        yield from self.tolist()[::-1]

    def __contains__(self, value: object) -> bool:
        return value in self.tolist()

    def __add__(self, other: Any) -> list[Any]:
        return self.tolist() + list(other)

    def __mul__(self, times: int) -> list[Any]:
        return self.tolist() * times

    __rmul__ = __mul__

    def count(self, value: Any, /) -> int:
        """Return how many values are equal."""
        return self.tolist().count(value)

    def index(self, value: Any, /, *bounds: int) -> int:
        """Return the index of the first value that is equal."""
        return self.tolist().index(value, *bounds)

    def copy(self) -> list[Any]:
        """Return what is in it, as a list."""
        return self.tolist()

    _getvalue = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return self.tolist()

    def __str__(self) -> str:
        return str(self.tolist())


class ListProxy(List, Called):
    """A shared list; see `multiprocessing.Manager().list`."""

    def copy_proxy(self) -> ListProxy:
        """Return another shared list with the same elements."""
        return ListProxy(self.tolist(), session=self._session)


Sequence.register(ListProxy)
BaseProxy.register(ListProxy)


def _one(step: Any) -> Steps[Any]:
    return (yield step)
