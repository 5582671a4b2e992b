"""Proxies of objects of classes of one's own, as managers make them."""

from __future__ import annotations

from abc import ABCMeta
from typing import TYPE_CHECKING, Any, ClassVar

from greenlithops.backends.state.steps import Command, Run, Steps
from greenlithops.errors import StateLost
from greenlithops.multiprocessing import memory_lua
from greenlithops.multiprocessing.shared import Shared
from greenlithops.multiprocessing.synchronize import RLock

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class Called:
    """What a proxy can be told by a method's name, as the standard library's are."""

    def _callmethod(
        self, methodname: str, args: Sequence[Any] = (), kwds: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a method of the object; return what it returns."""
        return getattr(self, methodname)(*args, **(kwds or {}))


class BaseProxy(Shared, metaclass=ABCMeta):
    """An object of a class of one's own, on the state server.

    A method is called on a copy, which is written back, under the object's lock.
    """

    kind = "object"
    _exposed_: ClassVar[Sequence[str]] = ()
    _method_to_typeid_: ClassVar[Mapping[str, str]] = {}

    def __init__(self, referent: Any, **place: Any) -> None:
        super().__init__(**place)
        self._mutex = RLock(session=self._session)
        content = self._session.seal(self._key, referent)
        self._session.run(_one(Run(memory_lua.MAKE, (self._key,), (content,))))

    def _state(self) -> dict[str, Any]:
        return {"_mutex": self._mutex}

    def _fetch(self) -> tuple[bytes, Any]:
        blob = self._session.run(_one(Command(("GET", self._key))))
        if blob is None:
            raise StateLost(f"{self._key} is not on the state server any more")
        return blob, self._session.unseal(self._key, blob)

    def _callmethod(
        self, methodname: str, args: Sequence[Any] = (), kwds: Mapping[str, Any] | None = None
    ) -> Any:
        """Call a method of the object; return what it returns, or a proxy of it."""
        with self._mutex:
            before, referent = self._fetch()
            try:
                result = getattr(referent, methodname)(*args, **(kwds or {}))
            finally:
                after = self._session.seal(self._key, referent)
                if after != before:
                    ttl = int(self._session.terms.expiry * 1000)
                    self._session.run(_one(Command(("SET", self._key, after, "XX", "PX", ttl))))
        if typeid := self._method_to_typeid_.get(methodname):
            return _registered(typeid).make(self._session, result)
        return result

    def _getvalue(self) -> Any:
        """Return a copy of the object."""
        return self._fetch()[1]

    def __str__(self) -> str:
        return str(self._getvalue())


def MakeProxyType(name: str, exposed: Sequence[str]) -> type[BaseProxy]:  # noqa: N802 - the standard library's name
    """Return a proxy class with these methods; see `multiprocessing.managers.MakeProxyType`."""

    def method(called: str) -> Callable[..., Any]:
        def call(self: BaseProxy, /, *args: Any, **kwargs: Any) -> Any:
            return self._callmethod(called, args, kwargs)

        call.__name__ = called
        return call

    content: dict[str, Any] = {called: method(called) for called in exposed}
    return type(name, (BaseProxy,), content | {"_exposed_": tuple(exposed)})


def public_methods(obj: Any) -> list[str]:
    """Return the names of the methods that an object shows."""
    return [name for name in dir(obj) if not name.startswith("_") and callable(getattr(obj, name))]


class AutoProxy:
    """A proxy of any object: its public methods, found when it is made."""

    def __init__(self, proxy: BaseProxy, exposed: tuple[str, ...]) -> None:
        self.proxy = proxy
        self._exposed_ = exposed

    def __getattr__(self, name: str) -> Any:
        if name in {"_callmethod", "_getvalue"}:
            return getattr(self.proxy, name)
        if name.startswith("__") or name not in self._exposed_:
            raise AttributeError(f"{name!r} is not among the exposed methods {self._exposed_}")
        return lambda *args, **kwargs: self.proxy._callmethod(name, args, kwargs)  # noqa: SLF001 - our own

    def __reduce__(self) -> tuple[Any, ...]:
        return AutoProxy, (self.proxy, self._exposed_)

    def __str__(self) -> str:
        return str(self.proxy)

    def __repr__(self) -> str:
        return f"<AutoProxy {self.proxy!r}>"


BaseProxy.register(AutoProxy)


def _registered(typeid: str) -> Any:
    from greenlithops.multiprocessing.managers import SyncManager  # noqa: PLC0415 - a circle

    return SyncManager._registry[typeid]  # noqa: SLF001 - our own


def _one(step: Any) -> Steps[Any]:
    return (yield step)
