"""The capabilities that the core asks of its parts: small protocols, one for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, Self, runtime_checkable

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
    from types import TracebackType

    from greenlithops.models import Event, Limits, Reply, ServiceSize
    from greenlithops.objects import ObjectInfo
    from greenlithops.worker.journal import Journal

EnergyKind = Literal["measured", "estimated"]


class EnergyMeter(Protocol):
    """Answers how much energy the machine has burned since some moment in the past.

    Reading must be cheap (tens of microseconds), must not block, and must never go backwards:
    a meter deals with wraparound of its counters itself. A meter that has lost all its counters
    raises `OSError`; one that has lost some of them goes on, and says so in `notes`.
    """

    name: str  #: the method's name, as it appears in every record: ``powercap``, ``model`` …
    kind: EnergyKind  #: whether its joules are read from hardware or computed from coefficients
    domains: tuple[str, ...]  #: the keys of what `read` returns
    totals: tuple[str, ...]  #: the domains that add up to the machine; the others lie within them
    update_period: float  #: seconds between two updates of the underlying counters
    max_interval: float  #: seconds within which it must be read, lest a counter wraps unseen
    idle_watts: Mapping[str, float] | None  #: by domain, if known beforehand; else None

    @property
    def bounds(self) -> tuple[float, float]:
        """What the true joules are at least and at most, as factors; may change with readings."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """What the reader of its figures must know; may change with readings."""
        ...

    def read(self) -> Mapping[str, float]:
        """Return cumulative joules by domain (``package``, ``dram``, …)."""
        ...

    def close(self) -> None:
        """Release file descriptors."""
        ...


class ComputeBackend(Protocol):
    """A place where calls run, opened with ``async with`` before anything is asked of it."""

    name: str
    limits: Limits

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class WorkerHandle(Protocol):
    """One worker that speaks the worker protocol over a byte stream."""

    socket: socket.socket  #: the client's end of the stream
    pid: int
    journal: Journal  #: what the worker tells without a message
    #: CPU ns of the worker and of the children that it waited for, after its end; None if unknown
    spent_ns: int | None

    def kill(self) -> None:
        """End the worker at once, with everything that its calls have started."""
        ...

    def last_words(self) -> str:
        """Return what the worker wrote outside of any call, such as why it crashed."""
        ...

    def close(self) -> None:
        """Release what the client holds for the worker, after its end."""
        ...


@runtime_checkable
class SupportsWorkers(ComputeBackend, Protocol):
    """A backend whose workers live on between calls and are reached over a byte stream."""

    def start_worker(self, on_exit: Callable[[int], None]) -> WorkerHandle:
        """Start a worker.

        Args:
            on_exit: called on the event loop, once, when the worker has ended, with its exit
                status; negative for a signal.
        """
        ...


class SupportsInvocations(ComputeBackend, Protocol):
    """A backend that takes calls in a request, and answers with their outcomes in its reply."""

    key: bytes  #: what messages between the client and the service are authenticated with
    patience: float  #: seconds for which the service may be away before calls fail
    size: ServiceSize | None  #: what it reserves for an invocation, if that is known

    async def invoke(self, body: bytes) -> Reply:
        """Return the reply to a message of `greenlithops.worker.invocation`.

        Raises:
            Throttled: the service refused it since there are too many.
            ServiceUnavailable: it was not taken, and may be later.
            WorkerLost: what took it died, or there is no telling.
            PayloadTooLarge: the service does not take so much.
            ServiceRefused: the service does not take it, and never will.
        """
        ...


@runtime_checkable
class SupportsStreams(Protocol):
    """A backend whose replies come in parts, as the calls of an invocation end."""

    def stream(self, body: bytes) -> AsyncGenerator[Reply]:
        """Give the messages of the reply to a message, as they come; it raises as `invoke` does."""
        ...


class Depot(Protocol):
    """A storage with which a backend passes what is too large for its messages."""

    bucket: str | None  #: where; None: nothing can be passed

    async def put(self, bucket: str, key: str, body: bytes, /) -> object:
        """Put an object."""
        ...

    async def get(self, bucket: str, key: str, /) -> bytes:
        """Return an object."""
        ...

    async def delete(self, bucket: str, key: str, /) -> None:
        """Delete an object."""
        ...

    def list(self, bucket: str, prefix: str, /) -> AsyncIterator[ObjectInfo | str]:
        """Give the objects whose keys begin with a prefix."""
        ...

    async def presigned_url(
        self, bucket: str, key: str, /, *, method: Literal["GET", "PUT"], seconds: float
    ) -> str:
        """Return a URL that gets or puts an object without credentials, for a while."""
        ...


@runtime_checkable
class SupportsDepot(Protocol):
    """A backend that passes what is too large for its messages through a storage."""

    def use(self, depot: Depot) -> None:
        """Take note of the storage; it may be opened when it is first needed."""
        ...


class Hook(Protocol):
    """Something that wants to know what happens: progress bars, metrics and traces attach here.

    Hooks are called in the order of the events, outside of the event loop's thread, so they may
    block; a hook that raises is reported in the log and goes on being called.
    """

    def __call__(self, event: Event) -> None:
        """Take note of an event."""
        ...
