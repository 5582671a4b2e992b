"""A request of calls as a service has it, and their outcomes as its replies carry them."""

from __future__ import annotations

import sys
from array import array

from greenlithops.errors import PayloadTooLarge, ProtocolError
from greenlithops.worker.errors import pack_error
from greenlithops.worker.outbox import RAISED

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from greenlithops.worker.calls import Function


class Refused(Exception):
    """A request that is authentic, and that this service cannot serve."""


class Request:
    """Calls of one function that came together.

    Attributes:
        digest: names the function.
        image: its pickle and buffers, if they came along.
        options: as calls have them.
        definitions: classes by value: digest, pickle and buffers of each.
        classes: digests of the classes that the calls need.
        calls: the pickled arguments.
        processes: how many calls may run at a time, each in a process.
        reply_bytes: how much the service returns at a time; None: there is no limit.
        function: what is called, once it is known.
        news: what is told when there is a reply in storage: a push channel's name, its options
            and a topic; None: nothing.
        cold: whether it is the first request of its service.
        stopped: whether nobody wants the outcomes any more.
    """

    __slots__ = (
        "_counts", "_raw", "_starts", "calls", "classes", "cold", "definitions", "digest",
        "function", "image", "news", "on_stop", "options", "processes", "reply_bytes", "stopped",
    )  # fmt: skip

    def __init__(self, digest: bytes, options: dict[str, Any], calls: list[bytes]) -> None:
        self.digest = digest
        self.options = options
        self.calls = calls
        self.image: tuple[bytes, list[Any]] | None = None
        self.definitions: list[tuple[bytes, bytes, list[bytes]]] = []
        self.classes: tuple[bytes, ...] = ()
        self.processes = 1
        self.reply_bytes: int | None = None
        self.news: tuple[str, dict[str, Any], str] | None = None
        self.function: Function | None = None
        self.cold = self.stopped = False
        self.on_stop: Callable[[], object] = _nothing
        self._raw: list[Any] = []
        self._starts: list[int] = []

    def carry(self, raw: list[Any], counts: Sequence[int] | None) -> None:
        """Take the buffers of the calls: all of them, and how many each has."""
        self._raw, self._starts = raw, [0]
        for count in counts or ():
            self._starts.append(self._starts[-1] + count)

    def buffers(self, position: int) -> list[Any]:
        """Return the buffers of one call, to be changed by it."""
        if not self._raw:
            return []
        mine = self._raw[self._starts[position] : self._starts[position + 1]]
        return [bytearray(part) for part in mine]

    def stop(self) -> None:
        """Begin with no further call: nobody waits for the reply."""
        self.stopped = True
        self.on_stop()


def parsed(content: Any, buffers: list[Any]) -> Request:
    """Return what a message asks for.

    Raises:
        Refused: it needs another version of Python.
        ProtocolError: it is no request.
    """
    try:
        python, digest, image, options, definitions, calls, counts, *more = content
        wishes: dict[str, Any] = more[0] if more else {}
    except (TypeError, ValueError, IndexError) as error:
        raise ProtocolError("the message is no request of greenlithops") from error
    if python != tuple(sys.version_info[:2]):
        mine = ".".join(map(str, sys.version_info[:2]))
        theirs = ".".join(map(str, python))
        raise Refused(
            f"the service runs Python {mine}, the client Python {theirs}: pickled functions "
            f"need the same one; deploy the function for Python {theirs}"
        )
    request = Request(digest, options, calls)
    used = 0
    for name, stream, count in definitions:
        parts = [bytes(part) for part in buffers[used : used + count]]
        request.definitions.append((name, stream, parts))
        used += count
    if image:
        request.image = (image[0], list(buffers[used : used + image[1]]))
        used += image[1]
    request.carry(buffers[used:], counts)
    request.classes = wishes.get("classes", ())
    request.reply_bytes = wishes.get("reply_bytes")
    request.news = wishes.get("news")
    request.processes = min(wishes.get("processes", 1), len(calls))
    return request


class Outcome:
    """How one call ended.

    Attributes:
        position: the call's in its request.
        status: as in `greenlithops.worker.outbox`.
        payload: the pickled result or error, and its buffers.
        times: start, wall, CPU, system CPU, serialization (ns), peak memory (bytes).
        log: what it printed.
    """

    __slots__ = ("log", "payload", "position", "status", "times")

    def __init__(
        self,
        position: int,
        status: int,
        payload: tuple[bytes, Sequence[Any]],
        times: tuple[int, ...],
        log: str,
    ) -> None:
        self.position = position
        self.status = status
        self.payload = payload
        self.times = times
        self.log = log

    def size(self) -> int:
        """Return the bytes of its result."""
        stream, buffers = self.payload
        return len(stream) + sum(memoryview(part).nbytes for part in buffers)


def fitting(outcomes: Sequence[Outcome], most: int) -> list[Outcome]:
    """Return outcomes that take so many bytes at most: the largest become errors that say so."""
    sizes = [outcome.size() for outcome in outcomes]
    left = sum(sizes) + sum(len(outcome.log.encode()) for outcome in outcomes)
    found = list(outcomes)
    for place in sorted(range(len(sizes)), key=sizes.__getitem__, reverse=True):
        if left <= most:
            break
        left -= sizes[place]
        error = PayloadTooLarge(
            f"the result takes {sizes[place]} bytes, and the service returns {most} at a time: put "
            "it into storage, and return a CloudObject"
        )
        one = outcomes[place]
        found[place] = Outcome(one.position, RAISED, pack_error(error), one.times, one.log)
    return found


def columns(outcomes: Sequence[Outcome]) -> tuple[tuple[Any, ...], list[Any], dict[int, str]]:
    """Return outcomes as a message has them: columns, buffers, and logs by position."""
    buffers: list[Any] = []
    counts, times = array("I"), array("q")
    for outcome in outcomes:
        counts.append(len(outcome.payload[1]))
        buffers += outcome.payload[1]
        times.extend(outcome.times)
    rows = (
        bytes(outcome.status for outcome in outcomes),
        [outcome.payload[0] for outcome in outcomes],
        counts.tobytes() if buffers else b"",
        times.tobytes(),
    )
    return rows, buffers, {outcome.position: outcome.log for outcome in outcomes if outcome.log}


def _nothing() -> None:
    pass
