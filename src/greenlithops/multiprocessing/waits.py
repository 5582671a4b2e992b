"""Waiting for the first of several connections, processes and descriptors."""

from __future__ import annotations

import selectors
import time
from typing import TYPE_CHECKING, Any

from greenlithops.backends.state.steps import Run, Steps
from greenlithops.multiprocessing import streams_lua as lua

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenlithops.multiprocessing.session import Session


def wait(object_list: Iterable[Any], timeout: float | None = None) -> list[Any]:
    """Return those of some objects that are ready; see `multiprocessing.connection.wait`.

    Args:
        object_list: connections of this package, and whatever has a descriptor: sentinels of
            processes, sockets, the standard library's connections.
        timeout: at most so many seconds; None: as long as it takes.
    """
    objects = list(object_list)
    shared = [item for item in objects if hasattr(item, "_inward")]
    local = [item for item in objects if not hasattr(item, "_inward")]
    deadline = None if timeout is None else time.monotonic() + max(timeout, 0.0)
    if not shared:
        return _ready_here(local, timeout)
    session: Session = shared[0]._session  # noqa: SLF001 - our own
    watch = _Watch(session, shared)
    try:
        while True:
            ready = watch.ready() + _ready_here(local, 0)
            left = None if deadline is None else deadline - time.monotonic()
            if ready or (left is not None and left <= 0):
                return [item for item in objects if item in ready]
            watch.pause(
                local, session.terms.lease if left is None else min(left, session.terms.lease)
            )
    finally:
        watch.close()


def _ready_here(items: list[Any], timeout: float | None) -> list[Any]:
    if not items:
        return []
    with selectors.DefaultSelector() as selector:
        for item in items:
            selector.register(item, selectors.EVENT_READ)
        return [key.fileobj for key, _ in selector.select(timeout)]


class _Watch:
    """Stands in the lists of some connections for news."""

    def __init__(self, session: Session, connections: list[Any]) -> None:
        self._session = session
        self._connections = connections
        self._slot = session.take_slot()

    def ready(self) -> list[Any]:
        """Return the connections that are ready; be told of the others."""
        return [item for item in self._connections if self._ask(item, lua.WATCH, 1)[0] == 1]

    def _ask(self, connection: Any, script: Any, *arguments: Any) -> Any:
        stream = connection._inward()  # noqa: SLF001 - our own

        def steps() -> Steps[Any]:
            yield from stream.open()
            return (yield Run(script, (stream.key,), arguments))

        return self._session.client().run(steps(), self._slot)

    def pause(self, local: list[Any], seconds: float) -> None:
        """Wait for news of any of them, or of what is local."""
        places = [f"{item._inward().key}:x:w:{self._slot.token}" for item in self._connections]  # noqa: SLF001 - our own
        words = ("BLPOP", *places, f"{max(seconds, 0.001):.3f}")
        self._session.client().pause(words, local)

    def close(self) -> None:
        """Stand in no list any more."""
        for item in self._connections:
            if not item.closed:
                self._ask(item, lua.UNWATCH)
        self._session.give_slot(self._slot)
