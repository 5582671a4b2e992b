"""Dictionaries and namespaces that processes on different machines share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greenlithops.backends.state.steps import Command, Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import containers_lua as lua
from greenlithops.multiprocessing import keys
from greenlithops.multiprocessing.proxies import BaseProxy, Called
from greenlithops.multiprocessing.shared import Shared, operation

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_MISSING = object()


class Dict(Shared):
    """The operations of a shared dictionary. Values are copies: change one and put it back."""

    kind = "dict"

    def __init__(self, *args: Any, session: Any = None, **kwargs: Any) -> None:
        super().__init__(session=session)
        self._session.run(_one(Run(lua.MAKE, (self._key,))))
        content = dict(*args, **kwargs)
        if content:
            self.update(content)

    def _entry(self, key: Any, value: Any) -> tuple[bytes, bytes, bytes]:
        field, exact = keys.canonical(key)
        original = b"" if exact else self._session.seal(self._key, key)
        return (
            field,
            self._session.sign(self._key, field + b"\0" + self._session.pack(value)),
            original,
        )

    def _value(self, field: bytes, blob: bytes) -> Any:
        from greenlithops.multiprocessing.encoding import decode  # noqa: PLC0415 - the pair of `pack`

        return decode(self._session.verify(self._key, blob)[len(field) + 1 :])

    def _found_key(self, field: bytes, original: bytes) -> Any:
        if original:
            return self._session.unseal(self._key, original)
        return keys.exact(field)

    @operation
    def __getitem__(self, key: Any) -> Steps[Any]:
        value = yield from Dict.get.steps(self, key, _MISSING)
        if value is _MISSING:
            raise KeyError(key)
        return value

    @operation
    def get(self, k: Any, default: Any = None) -> Steps[Any]:
        """Return the value of a key, or `default`."""
        field, _ = keys.canonical(k)
        blob = yield Command(("HGET", f"{self._key}:h", field))
        if blob is not None:
            return self._value(field, blob)
        if not (yield Command(("EXISTS", self._key))):
            raise StateLost(f"{self._key} is not on the state server any more")
        return default

    @operation
    def __setitem__(self, key: Any, value: Any) -> Steps[None]:
        yield Run(lua.DICT_SET, (self._key,), self._entry(key, value))

    @operation
    def __delitem__(self, key: Any) -> Steps[None]:
        if not (yield Run(lua.DICT_POP, (self._key,), (keys.canonical(key)[0],))):
            raise KeyError(key)

    @operation
    def pop(self, k: Any, default: Any = _MISSING) -> Steps[Any]:
        """Remove a key; return its value, or `default`.

        Raises:
            KeyError: it is not there, and there is no default.
        """
        field, _ = keys.canonical(k)
        found = yield Run(lua.DICT_POP, (self._key,), (field,))
        if found:
            return self._value(field, found[0])
        if default is _MISSING:
            raise KeyError(k)
        return default

    @operation
    def popitem(self) -> Steps[tuple[Any, Any]]:
        """Remove the key that came last; return it and its value.

        Raises:
            KeyError: there is none.
        """
        found = yield Run(lua.DICT_POPITEM, (self._key,))
        if not found:
            raise KeyError("popitem(): dictionary is empty")
        field, blob, original = found
        return self._found_key(field, original), self._value(field, blob)

    @operation
    def setdefault(self, k: Any, default: Any = None) -> Steps[Any]:
        """Return the value of a key; give it `default` first if it is not there."""
        entry = self._entry(k, default)
        return self._value(entry[0], (yield Run(lua.DICT_SETDEFAULT, (self._key,), entry)))

    @operation
    def update(self, other: Any = (), /, **more: Any) -> Steps[None]:
        """Set many keys at once."""
        content = dict(other.copy() if isinstance(other, Dict) else other, **more)
        pieces = [piece for key, value in content.items() for piece in self._entry(key, value)]
        yield Run(lua.DICT_SET, (self._key,), tuple(pieces))

    @operation
    def clear(self) -> Steps[None]:
        """Remove everything."""
        yield Run(lua.DICT_CLEAR, (self._key,))

    @operation
    def copy(self) -> Steps[dict[Any, Any]]:
        """Return what is in it, as a dictionary."""
        fields, values, originals = yield Run(lua.DICT_ALL, (self._key,))
        blobs, first = _pairs(values), _pairs(originals)
        return {
            self._found_key(field, first.get(field, b"")): self._value(field, blobs[field])
            for field in fields
        }

    @operation
    def keys(self) -> Steps[list[Any]]:
        """Return the keys, in the order in which they came."""
        fields, originals = yield Run(lua.DICT_KEYS, (self._key,))
        first = _pairs(originals)
        return [self._found_key(field, first.get(field, b"")) for field in fields]

    @operation
    def __contains__(self, key: Any) -> Steps[bool]:
        return (yield from Dict.get.steps(self, key, _MISSING)) is not _MISSING

    @operation
    def __len__(self) -> Steps[int]:
        length: int = yield Run(lua.DICT_LEN, (self._key,))
        return length

    def values(self) -> list[Any]:
        """Return the values, in the order of the keys."""
        return list(self.copy().values())

    def items(self) -> list[tuple[Any, Any]]:
        """Return keys and values."""
        return list(self.copy().items())

    def __iter__(self) -> Iterator[Any]:
        yield from self.keys()

    def __reversed__(self) -> Iterator[Any]:
        yield from self.keys()[::-1]

    def __or__(self, other: Any) -> dict[Any, Any]:
        return self.copy() | (other.copy() if isinstance(other, Dict) else other)

    def __ror__(self, other: Any) -> dict[Any, Any]:
        result: dict[Any, Any] = other | self.copy()
        return result

    def __ior__(self, other: Any) -> Dict:  # noqa: PYI034 - the proxy itself
        self.update(other)
        return self

    def __eq__(self, other: object) -> bool:
        return self is other or (isinstance(other, Shared) and self._key == other._key)

    def __hash__(self) -> int:
        return hash(self._key)

    def todict(self) -> dict[Any, Any]:
        """Return what is in it, as a dictionary."""
        return self.copy()

    _getvalue = todict

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return self.copy()

    def __str__(self) -> str:
        return str(self.copy())


class DictProxy(Dict, Called):
    """A shared dictionary; see `multiprocessing.Manager().dict`. Keys are anything hashable."""


Mapping.register(DictProxy)
BaseProxy.register(DictProxy)


class NamespaceProxy:
    """An object whose attributes are shared; see `multiprocessing.Manager().Namespace`."""

    def __init__(self, *, session: Any = None, **attributes: Any) -> None:
        object.__setattr__(self, "_dict", DictProxy(session=session, **attributes))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        try:
            return self._dict[name]
        except KeyError:
            raise AttributeError(f"'Namespace' object has no attribute {name!r}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        if name.startswith("_"):
            object.__setattr__(self, name, value)
        else:
            self._dict[name] = value

    def __delattr__(self, name: str) -> None:
        try:
            del self._dict[name]
        except KeyError:
            raise AttributeError(f"'Namespace' object has no attribute {name!r}") from None

    def __reduce__(self) -> tuple[Any, ...]:
        return _namespace, (self._dict,)

    def __str__(self) -> str:
        return f"Namespace({', '.join(f'{k}={v!r}' for k, v in sorted(self._dict.items()))})"

    __repr__ = __str__

    def _getvalue(self) -> Any:
        """Return a copy of the object."""
        from multiprocessing.managers import Namespace  # noqa: PLC0415 - rarely wanted

        return Namespace(**self._dict.copy())


BaseProxy.register(NamespaceProxy)


def _namespace(content: DictProxy) -> NamespaceProxy:
    space = NamespaceProxy.__new__(NamespaceProxy)
    object.__setattr__(space, "_dict", content)
    return space


def _pairs(flat: Iterable[bytes] | dict[bytes, bytes]) -> dict[bytes, bytes]:
    if isinstance(flat, dict):
        return flat
    entries = iter(flat)
    return dict(zip(entries, entries, strict=True))


def _one(step: Any) -> Steps[Any]:
    return (yield step)
