"""Processes of a service that run the calls of one invocation side by side.

A child is a service of its own that the first one asks over a socket, with the same messages and
the same code; so a call that kills its process takes no other one with it.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import suppress

from greenlithops.errors import WorkerLost
from greenlithops.worker import invocation
from greenlithops.worker.errors import pack_error
from greenlithops.worker.journal import FIELDS
from greenlithops.worker.outbox import RAISED, TIMED_OUT
from greenlithops.worker.requests import Outcome

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

    from greenlithops.worker.requests import Request

PYTHON = tuple(sys.version_info[:2])
_START = (
    "import sys; sys.path[:] = {path!r}; from greenlithops.worker.child import main; "
    "main(*map(int, sys.argv[1:]))"
)
_LOOKS, _LOOK_SECONDS = 100, 0.01  #: how long a process may take to say how it ends


class Children:
    """The processes of a service; those that are free are used again.

    Args:
        key: what messages are authenticated with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._lock = threading.Lock()
        self._free: list[Child] = []

    def run(self, request: Request, tell: Callable[[Outcome], object]) -> None:
        """Run the calls of a request, as many at a time as it wants."""
        places = iter(range(len(request.calls)))
        busy: set[Child] = set()
        failures: list[BaseException] = []

        def work() -> None:
            try:
                self._work(request, places, busy, tell)
            except BaseException as error:  # noqa: BLE001 - raised below, in the service's thread
                failures.append(error)

        request.on_stop = lambda: self._stop(busy)
        threads = [
            threading.Thread(target=work, name=f"greenlithops-child-{number}")
            for number in range(request.processes)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]

    def _work(
        self,
        request: Request,
        places: Iterator[int],
        busy: set[Child],
        tell: Callable[[Outcome], object],
    ) -> None:
        """Run one call after the other in a child, until none is left."""
        child: Child | None = None
        try:
            while not request.stopped:
                with self._lock:
                    place = next(places, None)
                    if place is None:
                        return
                    while child is None and self._free:
                        child = self._alive(self._free.pop())
                if child is None:
                    child = Child(self._key)
                with self._lock:
                    busy.add(child)
                tell(child.call(request, place))
                with self._lock:
                    busy.discard(child)
                if child.ended:
                    child = None
        finally:
            if child is not None:
                with self._lock:
                    busy.discard(child)
                    if not child.ended:
                        self._free.append(child)

    @staticmethod
    def _alive(child: Child) -> Child | None:
        """Return a child that was free, unless it has ended meanwhile."""
        if child.alive:
            return child
        child.end()
        return None

    def _stop(self, busy: set[Child]) -> None:
        with self._lock:
            for child in busy:
                child.kill()

    def close(self) -> None:
        """End the processes that are free; others end with this one."""
        with self._lock:
            children, self._free = self._free, []
        for child in children:
            child.end()


class Child:
    """One process.

    Args:
        key: what messages are authenticated with.
    """

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.ended = self._ready = False
        self._socket, theirs = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        descriptors = (theirs.fileno(), lifeline)
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=sys.path), *map(str, descriptors)],
                stdin=subprocess.DEVNULL,
                pass_fds=descriptors,
                start_new_session=True,
            )
            self._send(key)
        except BaseException:
            self._socket.close()
            os.close(self._lifeline)
            raise
        finally:
            theirs.close()
            os.close(lifeline)

    @property
    def alive(self) -> bool:
        """Whether the process can be asked."""
        return not self.ended and self._runs()

    def _runs(self) -> bool:
        look = os.WEXITED | os.WNOHANG | os.WNOWAIT  # its number stays its own
        return os.waitid(os.P_PID, self._process.pid, look) is None

    def call(self, request: Request, place: int) -> Outcome:
        """Run one call of a request, and return how it ended; the process may end with it."""
        start = time.time_ns()
        limit = request.options["timeout"]
        try:
            if not self._ready:  # how long it takes to start is not the call's time
                self._read(invocation.LENGTH.size, None)
                self._ready, start = True, time.time_ns()
            deadline = None if limit is None else time.monotonic() + limit
            content, raw = self._ask(self._message(request, place, whole=False), deadline)
            if content[0] == invocation.NEEDS_FUNCTION:
                content, raw = self._ask(self._message(request, place, whole=True), deadline)
        except TimeoutError:
            self.end()
            payload: Any = (b"", [])
            return Outcome(place, TIMED_OUT, payload, _spent(start), "")
        except OSError:
            code = self.end()
            by = f"signal {-code}" if code < 0 else f"exit code {code}"
            lost = WorkerLost(
                f"the process of the call ended, with {by}",
                exit_code=code if code >= 0 else None,
                signal=-code if code < 0 else None,
            )
            return Outcome(place, RAISED, pack_error(lost), _spent(start), "")
        except BaseException:
            self.end()
            raise
        _, _, _, statuses, blobs, _, times, logs, *_ = content
        took = tuple(memoryview(times).cast("q"))
        return Outcome(place, statuses[0], (blobs[0], raw), took, logs.get(0, ""))

    def _message(self, request: Request, place: int, *, whole: bool) -> bytes:
        """Return a request of one call; with all that it names, if the child knew not."""
        raw = request.buffers(place)
        image, definitions, buffers = None, [], []
        if whole and request.image is not None:
            for digest, stream, parts in request.definitions:
                definitions.append((digest, stream, len(parts)))
                buffers += parts
            image = (request.image[0], len(request.image[1]))
            buffers += request.image[1]
        wishes = {"classes": request.classes}
        calls = [request.calls[place]]
        content = (
            *(PYTHON, request.digest, image, request.options, definitions),
            *(calls, [len(raw)], wishes),
        )
        return invocation.pack(self._key, invocation.REQUEST, content, [*buffers, *raw])

    def _ask(self, message: bytes, deadline: float | None) -> tuple[Any, list[memoryview]]:
        self._socket.settimeout(_left(deadline))
        self._send(message)
        (size,) = invocation.LENGTH.unpack(self._read(invocation.LENGTH.size, deadline))
        return invocation.unpack(self._key, invocation.REPLY, self._read(size, deadline))

    def _send(self, message: bytes) -> None:
        self._socket.sendall(invocation.LENGTH.pack(len(message)) + message)

    def _read(self, size: int, deadline: float | None) -> bytes:
        data = bytearray(size)
        view = memoryview(data)
        while view:
            self._socket.settimeout(_left(deadline))
            got = self._socket.recv_into(view)
            if not got:
                raise ConnectionError("the process ended")
            view = view[got:]
        return bytes(data)

    def kill(self) -> None:
        """End the process, with all that its call has started."""
        if self._process.returncode is None:  # as long as nobody has waited, the number is its own
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)

    def end(self) -> int:
        """End the process and forget it; return its exit status."""
        if not self.ended:
            self.ended = True
            self._socket.close()
            os.close(self._lifeline)
            for _ in range(_LOOKS):  # it may be about to end by itself
                if not self._runs():
                    break
                time.sleep(_LOOK_SECONDS)
            self.kill()
        return self._process.wait()


def _left(deadline: float | None) -> float | None:
    """Return the seconds until a deadline.

    Raises:
        TimeoutError: it is over.
    """
    if deadline is None:
        return None
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _spent(start: int) -> tuple[int, ...]:
    """Return the figures of a call of which only the clock is known."""
    figures = (start, time.time_ns() - start)
    return (*figures, *([0] * (FIELDS - len(figures))))
