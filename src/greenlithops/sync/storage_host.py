"""An AsyncStorage on the background loop, shared by all who ask for the same one."""

from __future__ import annotations

import asyncio
import collections
import concurrent.futures
import os
import pickle
import threading
import weakref
from typing import TYPE_CHECKING, Any, TypeVar

from greenlithops.errors import ForkedError
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.sync.loop import background

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

T = TypeVar("T")


class StorageHost:
    """Keeps one storage for faces in other threads; closed when nobody has it any more."""

    def __init__(self, storage: AsyncStorage) -> None:
        self.storage = storage
        self._pid = os.getpid()
        self._resident = _Resident(storage)
        end = weakref.finalize(self, _let_go, self._resident, self._pid)
        end.atexit = False  # the loop closes its residents itself

    def ask(self, operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]]) -> T:
        """Return what ``await operation(storage)`` gives, on the loop.

        Raises:
            ForkedError: it was made in another process.
        """
        self.check()
        return background().call(self._begin, operation)

    async def asked(self, operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]]) -> T:
        """Return the same in any event loop, without holding it up.

        Raises:
            ForkedError: it was made in another process.
        """
        self.check()
        if background().inside:
            return await self._begin(operation)
        answer: concurrent.futures.Future[T] = concurrent.futures.Future()
        background().post(self._answer, operation, answer)
        return await asyncio.wrap_future(answer)

    def _answer(
        self,
        operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]],
        answer: concurrent.futures.Future[T],
    ) -> None:
        loop = asyncio.get_running_loop()
        task = loop.create_task(self._begin(operation))

        def ended(task: asyncio.Task[T]) -> None:
            if task.cancelled():
                answer.cancel()
            elif answer.set_running_or_notify_cancel():
                error = task.exception()
                if error is None:
                    answer.set_result(task.result())
                else:
                    answer.set_exception(error)

        def dropped(answer: concurrent.futures.Future[T]) -> None:
            if answer.cancelled():
                loop.call_soon_threadsafe(task.cancel)

        task.add_done_callback(ended)
        answer.add_done_callback(dropped)

    def check(self) -> None:
        """Raise if this is not the process that made it.

        Raises:
            ForkedError: it is not.
        """
        if os.getpid() != self._pid:
            raise ForkedError(
                "this storage belongs to the process that made it; a forked process must make "
                "its own"
            )

    async def _begin(self, operation: Callable[[AsyncStorage], Coroutine[Any, Any, T]]) -> T:
        background().keep(self._resident)
        if self.storage.closed:  # by `close_storages`
            await self.storage.__aenter__()
        return await operation(self.storage)


class _Resident:
    """What the loop holds on to; it must not keep the host alive."""

    patient = False

    def __init__(self, storage: AsyncStorage) -> None:
        self._storage = storage

    async def close(self, *, kill: bool) -> None:  # noqa: ARG002 - there is nothing to wait for
        background().release(self)
        await self._storage.close()


def _let_go(resident: _Resident, pid: int) -> None:
    if os.getpid() == pid and background().running:
        background().post(_close_soon, resident)


_closing: set[Any] = set()


def _close_soon(resident: _Resident) -> None:
    task = asyncio.get_running_loop().create_task(resident.close(kill=False))
    _closing.add(task)
    task.add_done_callback(_closing.discard)


KEPT = 4  #: storages that stay open when nobody has them, for the next who asks, as calls do

_recent: collections.deque[StorageHost] = collections.deque(maxlen=KEPT)
_hosts: weakref.WeakValueDictionary[bytes, StorageHost] = weakref.WeakValueDictionary()
_lock = threading.Lock()


def shared_host(backend: Any, settings: Mapping[str, Any]) -> StorageHost:
    """Return the host of a storage with these arguments; the same for the same ones.

    Args:
        backend: a storage's name or a backend object, as for `AsyncStorage`.
        settings: the further arguments.
    """
    if not isinstance(backend, str):
        return StorageHost(AsyncStorage(backend, **settings))
    key = pickle.dumps((backend, sorted(settings.items())))
    with _lock:
        host = _hosts.get(key)
        if host is None:
            host = _hosts[key] = StorageHost(AsyncStorage(backend, **settings))
        if host not in _recent:
            _recent.append(host)
    return host


def let_go(host: StorageHost) -> None:
    """Do not keep a host for the next who asks; who has it may use it all the same."""
    with _lock:
        if host in _recent:
            _recent.remove(host)


def close_storages() -> None:
    """Close the connections of all storages of this process; they open again when needed."""

    async def close() -> None:
        await asyncio.gather(*(host.storage.close() for host in list(_hosts.values())))

    _recent.clear()
    background().call(close)


def _forget() -> None:
    """In a forked child: what was made before does not work here."""
    global _lock  # noqa: PLW0603 - another thread may have held it
    _lock = threading.Lock()
    _hosts.clear()
    _recent.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
