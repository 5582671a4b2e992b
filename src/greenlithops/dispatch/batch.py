"""What travels to a worker together, and what comes back of it."""

from __future__ import annotations

import time
from array import array
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from greenlithops.dispatch.serialize import FunctionImage
    from greenlithops.dispatch.work import Work
    from greenlithops.models import CallOptions, Told

_numbers = count(1)

_FIRST_WEIGHT = 0.3


class RemoteFunction:
    """A function with the options of its calls, as workers are told it once."""

    def __init__(
        self,
        image: FunctionImage,
        options: CallOptions,
        *,
        is_async: bool,
        directory: str,
        path: list[str],
    ) -> None:
        self.number = next(_numbers)
        self.image = image
        self.is_async = is_async
        self.timeout = options.timeout
        self.users = 0  #: jobs that use it
        self.seconds: float | None = None  #: what a call takes in a worker, learnt
        self.wire_options = {
            "environment": dict(options.environment),
            "is_async": is_async,
            "timeout": options.timeout,
            "live": options.live_logs,
            "directory": directory,
            "path": path,
        }

    def learn(self, seconds: float, calls: int) -> None:
        """Take note of what `calls` calls took on average."""
        if self.seconds is None or calls > 8:  # noqa: PLR2004 - enough to forget what was before
            self.seconds = seconds
        else:
            self.seconds += (1 - _FIRST_WEIGHT) * (seconds - self.seconds)


class Batch:
    """Calls of one function that go to a worker together.

    Positions in the batch map to indices in the job. The payloads are kept until the outcome,
    so that a call can be given to another worker.
    """

    __slots__ = (
        "blobs",
        "buffers",
        "finished",
        "function",
        "indices",
        "left",
        "number",
        "sent",
        "work",
    )

    def __init__(
        self,
        work: Work,
        indices: Sequence[int],
        blobs: list[bytes],
        buffers: dict[int, list[Any]],
    ) -> None:
        self.number = next(_numbers)
        self.work = work
        self.function = work.function
        self.indices = indices
        self.blobs = blobs
        self.buffers = buffers  #: by position, where a payload has any
        self.finished = bytearray(len(blobs))
        self.left = len(blobs)
        self.sent = time.monotonic()

    def wire(self) -> tuple[tuple[Any, ...], list[Any]]:
        """Return the message that carries the batch, and its raw buffers."""
        counts: list[int] = []
        buffers: list[Any] = []
        if self.buffers:
            for position in range(len(self.blobs)):
                mine = self.buffers.get(position, ())
                counts.append(len(mine))
                buffers += mine
        return (self.number, self.function.number, self.blobs, counts), buffers

    def unfinished(self) -> Iterator[int]:
        """Give the positions that have no outcome yet, in order."""
        return (position for position, done in enumerate(self.finished) if not done)

    def finish(self, position: int) -> bool:
        """Mark a position as having its outcome; return False if it had one before."""
        if self.finished[position]:
            return False
        self.finished[position] = 1
        self.left -= 1
        return True

    def finish_span(self, span: range) -> None:
        """Mark neighbouring positions as having their outcomes."""
        self.left -= self.finished.count(0, span.start, span.stop)
        self.finished[span.start : span.stop] = b"\1" * len(span)


@dataclass(slots=True)
class Outcomes:
    """Outcomes of one batch that arrived together, as columns."""

    positions: array[int]
    statuses: bytes
    blobs: list[bytes]
    times: array[int]
    worker: str
    cold: bool = False  #: whether the first of them was the first call of its worker
    buffers: dict[int, list[Any]] = field(default_factory=dict)  #: by place in the columns
    logs: dict[int, str] = field(default_factory=dict)  #: by position
    told: Told | None = None  #: what a service says of where they ran

    def span(self) -> range | None:
        """Return the positions if they are neighbours in their order, which most are."""
        positions = self.positions
        span = range(positions[0], positions[0] + len(positions))
        # Coroutines end in any order, so the first and the last alone do not tell.
        return span if positions.tolist() == list(span) else None

    @classmethod
    def from_wire(cls, content: Any, raw: list[Any], worker: str) -> Outcomes:
        """Read the message of a worker, without the batch's number that precedes it."""
        positions, statuses, blobs, counts, times, logs = content
        buffers: dict[int, list[Any]] = {}
        if counts:
            used = 0
            for place, number in enumerate(array("I", counts)):
                if number:
                    buffers[place] = raw[used : used + number]
                    used += number
        return cls(
            array("I", positions),
            statuses,
            blobs,
            array("q", times),
            worker,
            buffers=buffers,
            logs=logs,
        )
