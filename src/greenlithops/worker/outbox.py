"""Outcomes on their way back: gathered for two milliseconds, sent as columns."""

from __future__ import annotations

import pickle
import threading
from array import array

from greenlithops.worker.frames import OUTCOMES, Buffer, Sealer

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    import socket
    from typing import Any

    from greenlithops.worker.calls import Times
    from greenlithops.worker.journal import Journal

DONE, RAISED, UNREADABLE, UNSENDABLE, CANCELLED, TIMED_OUT = range(6)  #: how a call ended

FLUSH_NS = 2_000_000


class Stream:
    """The sending half of the worker's socket, shared by its threads."""

    def __init__(self, sock: socket.socket, sealer: Sealer) -> None:
        self._sock = sock
        self._sealer = sealer
        self._lock = threading.Lock()

    def send(self, kind: int, message: Any, buffers: list[Any] | None = None) -> None:
        """Send one frame; frames of several threads do not mix."""
        data = pickle.dumps(message, 5)
        with self._lock:
            send_all(self._sock, self._sealer.seal(kind, data, buffers))


def send_all(sock: socket.socket, pieces: list[Buffer]) -> None:
    """Send every piece over a blocking socket, with as few system calls as it takes."""
    if len(pieces) == 1:
        sock.sendall(pieces[0])
        return
    views = [memoryview(piece).cast("B") for piece in pieces if len(piece)]
    while views:
        sent = sock.sendmsg(views[:64])
        while views and sent >= len(views[0]):
            sent -= len(views.pop(0))
        if sent:
            views[0] = views[0][sent:]


class Outbox:
    """Holds outcomes of one batch until they are worth a frame; safe between threads.

    Meanwhile they stand in the journal, memory that the client sees too, so that they are not
    lost when the next call kills the process.
    """

    def __init__(self, stream: Stream, journal: Journal) -> None:
        self._stream = stream
        self._journal = journal
        self._lock = threading.Lock()
        self._batch = -1
        self._last_flush = 0
        self._clear()

    def _clear(self) -> None:
        self._positions = array("I")
        self._statuses = bytearray()
        self._blobs: list[bytes] = []
        self._counts: dict[int, int] = {}  # of buffers, by place in the columns
        self._buffers: list[Any] = []
        self._times = array("q")
        self._logs: dict[int, str] = {}

    def put(  # noqa: PLR0917 - once for every call, and keywords cost
        self,
        batch: int,
        position: int,
        status: int,
        payload: tuple[bytes, list[Any]],
        times: Times,
        log: str | None,
        *,
        last: bool,
    ) -> None:
        """Add one outcome.

        Args:
            batch: the number of the batch.
            position: the call's position in it.
            status: `DONE` … `CANCELLED`.
            payload: the pickled result or error.
            times: what it took.
            log: what the call printed, or None.
            last: whether nothing follows at once, so that there is nothing to wait for.
        """
        blob, buffers = payload
        with self._lock:
            if batch != self._batch:
                self._flush()
                self._batch = batch
            self._positions.append(position)
            self._statuses.append(status)
            self._blobs.append(blob)
            self._times.extend(times)
            if log:
                self._logs[position] = log
            if buffers:
                self._counts[len(self._blobs) - 1] = len(buffers)
                self._buffers += buffers
            end = times[0] + times[1]
            if (
                last
                or buffers
                or not self._journal.write(batch, position, status, blob, times, log)
                or end - self._last_flush > FLUSH_NS
            ):
                self._last_flush = end
                self._flush()

    @property
    def holds(self) -> bool:
        """Whether there is anything to flush."""
        return bool(self._blobs)

    def flush(self) -> None:
        """Send what is held."""
        with self._lock:
            self._flush()

    def _flush(self) -> None:
        if not self._blobs:
            return
        counts = b""
        if self._counts:
            each = (self._counts.get(place, 0) for place in range(len(self._blobs)))
            counts = array("I", each).tobytes()
        message = (
            self._batch,
            self._positions.tobytes(),
            bytes(self._statuses),
            self._blobs,
            counts,
            self._times.tobytes(),
            self._logs,
        )
        buffers = self._buffers
        self._clear()
        self._stream.send(OUTCOMES, message, buffers)
        self._journal.clear()
