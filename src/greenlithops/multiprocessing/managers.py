"""Managers: shared lists, dictionaries, namespaces and objects of classes of one's own.

There is no server process: state is on the state server, and methods of registered classes run
where they are called, one at a time for each object.
"""

from __future__ import annotations

from multiprocessing.context import ProcessError
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, NoReturn, Self

from greenlithops.backends.state.steps import Command, Steps
from greenlithops.errors import UsageError
from greenlithops.multiprocessing import context
from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.dicts import DictProxy, NamespaceProxy
from greenlithops.multiprocessing.lists import ListProxy
from greenlithops.multiprocessing.proxies import (
    AutoProxy,
    BaseProxy,
    Called,
    MakeProxyType,
    public_methods,
)
from greenlithops.multiprocessing.shared import Shared
from greenlithops.multiprocessing.sharedctypes import RawArray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

INITIAL, STARTED, SHUTDOWN = "initial", "started", "shutdown"


class _Entry(NamedTuple):
    """What a manager knows of a type."""

    create: Any
    proxytype: Any = None
    exposed: Any = None
    method_to_typeid: Any = None
    direct: bool = False  #: `create(session=…)` is the shared object itself

    def make(self, session: Any, referent: Any) -> Any:
        """Return a proxy of an object."""
        if self.proxytype is None:
            exposed = tuple(self.exposed or public_methods(referent))
            proxy = BaseProxy(referent, session=session)
            if self.method_to_typeid:
                kind = type(
                    "AutoProxy", (BaseProxy,), {"_method_to_typeid_": self.method_to_typeid}
                )
                proxy.__class__ = kind
            return AutoProxy(proxy, exposed)
        if isinstance(referent, dict) and issubclass(self.proxytype, DictProxy):
            return self.proxytype(referent, session=session)
        return self.proxytype(referent, session=session)


class BaseManager:
    """Makes shared objects; see `multiprocessing.managers.BaseManager`.

    Args:
        address: accepted; state is on the state server.
        authkey: accepted.
        serializer: accepted.
        ctx: accepted.
        shutdown_timeout: accepted.
    """

    _registry: ClassVar[dict[str, _Entry]] = {}

    def __init__(
        self,
        address: Any = None,
        authkey: bytes | None = None,  # noqa: ARG002 - the standard library's parameter
        serializer: str = "pickle",  # noqa: ARG002 - the standard library's parameter
        ctx: object = None,  # noqa: ARG002 - the standard library's parameter
        *,
        shutdown_timeout: float = 1.0,  # noqa: ARG002 - the standard library's parameter
    ) -> None:
        self._address = address
        self._status = INITIAL
        self._made: list[Any] = []

    @property
    def address(self) -> Any:
        """Where the state is."""
        if self._address is not None or self._status == INITIAL:
            return self._address
        return sessions.current().address.place

    def start(
        self, initializer: Callable[..., object] | None = None, initargs: tuple[Any, ...] = ()
    ) -> None:
        """Begin.

        Raises:
            ProcessError: it was started before.
        """
        if self._status != INITIAL:
            raise ProcessError(f"Already {self._status} server")
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        sessions.current()
        if initializer is not None:
            initializer(*initargs)
        self._status = STARTED

    def connect(self) -> None:
        """Begin: all processes of a program, and those with the same server, share it."""
        self._status = STARTED

    def get_server(self) -> NoReturn:
        """Refuse: there is none.

        Raises:
            UsageError: always.
        """
        raise UsageError(
            "a manager has no server process: configure a server of Redis' protocol that all "
            "programs reach, and start the manager"
        )

    def shutdown(self) -> None:
        """Remove what it has made."""
        self._status = SHUTDOWN
        made, self._made = self._made, []
        for shared in made:
            if isinstance(shared, Shared):
                suffixes = ("", ":i", ":w", ":o", ":h", ":k", ":g", ":b", ":x")
                words = ("DEL", *(f"{shared._key}{suffix}" for suffix in suffixes))  # noqa: SLF001 - our own
                shared._session.run(_one(Command(words)))  # noqa: SLF001 - our own

    def join(self, timeout: float | None = None) -> None:
        """Return: there is no process to wait for."""

    def __enter__(self) -> Self:
        if self._status == INITIAL:
            self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()

    @classmethod
    def register(  # noqa: PLR0917 - the standard library's parameters
        cls,
        typeid: str,
        callable: Callable[..., Any] | None = None,  # noqa: A002 - the standard library's name
        proxytype: Any = None,
        exposed: Sequence[str] | None = None,
        method_to_typeid: Mapping[str, str] | None = None,
        create_method: bool = True,
        can_manage: bool = True,  # noqa: ARG003 - Lithops' parameter
    ) -> None:
        """Make objects of a type available; see `multiprocessing.managers.BaseManager.register`.

        The object that `callable` returns must be picklable: it lives on the state server.
        `can_manage` is accepted: what a manager has made goes with it.
        """
        if "_registry" not in cls.__dict__:
            cls._registry = dict(cls._registry)
        exposed = exposed or getattr(proxytype, "_exposed_", None)
        cls._registry[typeid] = _Entry(callable, proxytype, exposed, method_to_typeid)
        if create_method:

            def create(self: BaseManager, /, *args: Any, **kwds: Any) -> Any:
                return self._create(typeid, args, kwds)

            create.__name__ = typeid
            setattr(cls, typeid, create)

    def _create(self, typeid: str, args: tuple[Any, ...], kwds: dict[str, Any]) -> Any:
        if self._status != STARTED:
            what = "not yet started" if self._status == INITIAL else "shut down"
            raise AssertionError(f"server {what}")
        session = sessions.current()
        entry = _registered(type(self), typeid)
        if entry.direct:
            shared = entry.create(*args, session=session, **kwds)
        else:
            referent = entry.create(*args, **kwds) if entry.create is not None else args[0]
            shared = entry.make(session, referent)
        self._made.append(shared.proxy if isinstance(shared, AutoProxy) else shared)
        return shared


def _registered(cls: type[BaseManager], typeid: str) -> _Entry:
    found: _Entry = cls._registry[typeid]
    return found


class ValueProxy(Called):
    """A shared value of any type; see `multiprocessing.Manager().Value`."""

    def __init__(self, typecode: Any, value: Any, lock: Any = True, *, session: Any = None) -> None:  # noqa: ARG002 - the standard library's parameters
        self._namespace = NamespaceProxy(session=session, value=value)

    @property
    def value(self) -> Any:
        """What it is now."""
        return self._namespace.value

    @value.setter
    def value(self, value: Any) -> None:
        self._namespace.value = value

    def get(self) -> Any:
        """Return what it is now."""
        return self.value

    def set(self, value: Any) -> None:
        """Set it."""
        self.value = value

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.value!r}>"


BaseProxy.register(ValueProxy)


def _array(typecode: Any, sequence: Any, lock: Any = True, *, session: Any = None) -> Any:  # noqa: ARG001 - see above
    return RawArray(typecode, list(sequence))


def _pool(*args: Any, session: Any = None, **kwargs: Any) -> Any:  # noqa: ARG001 - it needs none
    return context.home("Pool")(*args, **kwargs)


class SyncManager(BaseManager):
    """Makes the usual shared objects; see `multiprocessing.managers.SyncManager`."""

    _registry: ClassVar[dict[str, _Entry]] = {}


PRIMITIVES = (
    *("Lock", "RLock", "Semaphore", "BoundedSemaphore", "Condition", "Event", "Barrier"),
    *("Queue", "JoinableQueue", "SimpleQueue"),
)


def _fill() -> None:
    direct: dict[str, Any] = {
        "list": ListProxy,
        "dict": DictProxy,
        "Namespace": NamespaceProxy,
        "Value": ValueProxy,
        "Array": _array,
        "Pool": _pool,
    }
    for name in PRIMITIVES:
        direct[name] = context.home(name)
    for typeid, create in direct.items():
        SyncManager.register(typeid, create)
        SyncManager._registry[typeid] = _Entry(create, direct=True)  # noqa: SLF001 - our own


_fill()

GenericProxy = BaseProxy  #: Lithops' name


def Manager() -> SyncManager:  # noqa: N802 - the standard library's name
    """Return a manager that has begun; see `multiprocessing.Manager`."""
    manager = SyncManager()
    manager.start()
    return manager


def _one(step: Any) -> Steps[Any]:
    return (yield step)


def __getattr__(name: str) -> Any:
    if name in {"RemoteError", "SharedMemoryManager"}:  # programs name them; they are as they are
        from multiprocessing import managers  # noqa: PLC0415 - rarely wanted

        return getattr(managers, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "BaseManager",
    "BaseProxy",
    "DictProxy",
    "ListProxy",
    "MakeProxyType",
    "Manager",
    "NamespaceProxy",
    "SyncManager",
    "ValueProxy",
]
