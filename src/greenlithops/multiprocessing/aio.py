"""The same shared objects for event loops: their methods are awaited.

Making an object blocks for one round trip; `twin` gives the one of an object that is there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError
from greenlithops.multiprocessing import events, queues, synchronize
from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.connection import AsyncConnection, Connection
from greenlithops.multiprocessing.events import AsyncBarrier as Barrier
from greenlithops.multiprocessing.events import AsyncCondition as Condition
from greenlithops.multiprocessing.events import AsyncEvent as Event
from greenlithops.multiprocessing.queues import AsyncJoinableQueue as JoinableQueue
from greenlithops.multiprocessing.queues import AsyncQueue as Queue
from greenlithops.multiprocessing.queues import AsyncSimpleQueue as SimpleQueue
from greenlithops.multiprocessing.synchronize import AsyncBoundedSemaphore as BoundedSemaphore
from greenlithops.multiprocessing.synchronize import AsyncLock as Lock
from greenlithops.multiprocessing.synchronize import AsyncRLock as RLock
from greenlithops.multiprocessing.synchronize import AsyncSemaphore as Semaphore

if TYPE_CHECKING:
    from greenlithops.multiprocessing.shared import AsyncShared, Shared

__all__ = [
    "Barrier",
    "BoundedSemaphore",
    "Condition",
    "Event",
    "JoinableQueue",
    "Lock",
    "Queue",
    "RLock",
    "Semaphore",
    "SimpleQueue",
    "close",
    "twin",
]

_TWINS: dict[type[Shared], type[AsyncShared]] = {
    synchronize.Lock: Lock,
    synchronize.RLock: RLock,
    synchronize.Semaphore: Semaphore,
    synchronize.BoundedSemaphore: BoundedSemaphore,
    events.Condition: Condition,
    events.Event: Event,
    events.Barrier: Barrier,
    queues.Queue: Queue,
    queues.JoinableQueue: JoinableQueue,
    queues.SimpleQueue: SimpleQueue,
}


def twin(shared: Shared | Connection) -> Any:
    """Return the awaited face of a shared object: the same object on the server.

    A connection moves: the one that was given is closed.

    Raises:
        UsageError: it has none.
    """
    if isinstance(shared, Connection):
        return AsyncConnection(*_moved(shared))
    kind = _TWINS.get(type(shared))
    if kind is None:
        raise UsageError(f"{type(shared).__name__} has no awaited face")
    state = {name: twin(v) if name == "_lock" else v for name, v in shared._state().items()}  # noqa: SLF001 - our own
    return kind._found(shared._session, shared._key, state)  # noqa: SLF001 - our own


def _moved(connection: Connection) -> list[Any]:
    """Take a connection's two directions away from it: one end is not open twice."""
    inward, outward = connection._in, connection._out  # noqa: SLF001 - our own
    connection._in = connection._out = None  # noqa: SLF001 - our own
    return [inward, outward]


async def close() -> None:
    """Close the connections of the running event loop; call it before the loop ends."""
    session = sessions.known()
    if session is not None:
        await session.aclose()
