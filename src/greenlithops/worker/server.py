"""A worker's side of the protocol: one thread reads calls, another one runs them."""

from __future__ import annotations

import collections
import contextlib
import os
import pickle
import select
import socket
import threading
import time

from greenlithops.errors import ProtocolError
from greenlithops.worker import frames
from greenlithops.worker.calls import Function, Runner, environment
from greenlithops.worker.classes import announce
from greenlithops.worker.errors import pack_error
from greenlithops.worker.outbox import Outbox, Stream
from greenlithops.worker.pickling import unpack

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

    from greenlithops.worker.assigned import Assigned
    from greenlithops.worker.host import Host
    from greenlithops.worker.journal import Journal

    Item = tuple[int, int, Function, bytes, list[Any]]  #: batch, position, function, arguments


IDLE_POLL_MS = 1000
LIVE_POLL_MS = 100
#: while calls run; a wake takes 0.2 ms from a call that keeps the processor, so not more often
BUSY_POLL_MS = 50
HELD_POLL_MS = 10  #: while outcomes of short calls wait in the outbox and a longer one may run


class Server:
    """Runs the calls that come over a stream.

    The thread that calls `serve` runs synchronous calls. A second thread owns the receiving half
    of the socket, so that calls can be taken back, cancelled and flushed while one runs. What is
    not started waits in deques, whose ends are popped atomically: the left one by who runs
    calls, the right one by who takes them back.

    Args:
        sock: the stream; its first bytes are the key.
        journal: memory that the client sees too: which call runs, and what was not sent yet.
        host: what the server runs in.
        clock: CPU time of what a synchronous call may use, in ns.
    """

    def __init__(self, sock: socket.socket, journal: Journal, host: Host, clock: Any) -> None:
        self._sock = sock
        self._journal = journal
        self._host = host
        self._clock = clock
        key = sock.recv(frames.KEY_BYTES, socket.MSG_WAITALL)
        self._reader = frames.FrameReader(key, frames.TO_WORKER)
        self._stream = Stream(sock, frames.Sealer(key, frames.TO_CLIENT))
        self._outbox = Outbox(self._stream, journal)
        self._functions: dict[int, Function] = {}
        self._assigned: Assigned | None = None
        self._calls: collections.deque[Item] = collections.deque()
        self._wake = threading.Lock()
        self._wake.acquire()
        self._busy = self._wants_live = False
        self._ending = False
        self._async: Any = None
        self._running: tuple[int, int] | None = None
        self._hello: dict[str, Any] = {}
        self._listener: threading.Thread | None = None
        self._listened = 0  # CPU ns of that thread until it last went to sleep

    def serve(self) -> None:
        """Run calls until the client says that it is over."""
        early = self._await_hello()
        hello, host = self._hello, self._host
        host.greet(hello)
        if hello["initializer"] is not None:  # before the listener makes functions
            from greenlithops.worker.assigned import Assigned  # noqa: PLC0415 - if there is one

            self._assigned = Assigned()
        self._listener = threading.Thread(
            target=self._listen, args=(early,), name="greenlithops-listener", daemon=True
        )
        self._listener.start()
        host.confine(hello)
        try:
            for digest, stream, buffers in hello["classes"]:
                announce(digest, stream, buffers)
            if self._assigned is not None:
                self._assigned.run(unpack(*hello["initializer"]))
        except BaseException as error:  # noqa: BLE001 - becomes the executor's error
            self._stream.send(frames.BROKEN, pack_error(error)[0])
        else:
            self._journal.ready(self._clock())
            self._stream.send(frames.READY, os.getpid())
            self._run_calls()
        self._outbox.flush()
        if self._async:
            self._async.close()
        host.leave()

    def stop_listening(self) -> None:
        """End the listening thread, so that the socket can be closed; not from that thread."""
        if self._listener is not None:
            with contextlib.suppress(OSError):  # the other side may have gone
                self._sock.shutdown(socket.SHUT_RDWR)
            self._listener.join()

    def _await_hello(self) -> list[frames.Frame]:
        """Read the greeting; return what came together with it."""
        found: list[frames.Frame] = []
        while not found:
            received = self._sock.recv_into(self._reader.space())
            if not received:
                raise ProtocolError("the client went away before it said anything")
            found = self._reader.advance(received)
        kind, message, _ = found.pop(0)
        if kind != frames.HELLO:
            raise ProtocolError("the first frame must be a greeting")
        self._hello = pickle.loads(message)
        return found

    # Running.

    def _run_calls(self) -> None:
        # Where calls have the process's clock, what our threads use beside them is in it.
        whole = self._clock is time.process_time_ns
        runner, calls = Runner(self._clock, self._beside if whole else int), self._calls
        while True:
            try:
                item = calls.popleft()
            except IndexError:
                self._outbox.flush()  # what should have come after the last may have been recalled
                self._busy = self._wants_live = False
                if self._ending:
                    return
                self._wake.acquire()
                runner.rested()
                continue
            self._run_one(runner, item)

    def _beside(self) -> int:
        """Return the CPU ns that this server has used while calls ran."""
        return self._listened + (self._async.used_ns() if self._async else 0)

    def _run_one(self, runner: Runner, item: Item) -> None:
        batch, position, function, blob, buffers = item
        del item
        prepare = self._host.prepare
        log = self._host.capture.begin(live=function.live)
        if function.live:
            self._running = (batch, position)
        now = time.monotonic_ns()
        cpu = runner.cpu_at(now)
        self._journal.begin(batch, position, now, cpu + runner.aside + runner.elsewhere)
        if function.environment:
            with environment(function.environment):
                status, payload, times = runner.run(function, blob, buffers, prepare, cpu)
        else:
            status, payload, times = runner.run(function, blob, buffers, prepare, cpu)
        self._running = None
        self._host.capture.collect()
        text = log.text() if log else None
        last = not self._calls
        self._outbox.put(batch, position, status, payload, times, text, last=last)
        self._journal.end()

    # Listening.

    def _listen(self, early: list[frames.Frame]) -> None:
        try:
            for frame in early:
                self._handle(*frame)
            del early[:]
            self._receive()
        except OSError:
            return  # the connection is lost
        finally:  # however it ends, without its connection the worker is of no use
            self._ending = True
            self._release()  # a host that is not a process of its own goes by itself
            self._host.abandoned()

    def _receive(self) -> None:
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        while True:
            self._listened = time.thread_time_ns()
            events = poll.poll(self._patience())
            if not events:
                if not self._host.alive():
                    return
                self._outbox.flush()
                self._send_live()
                continue
            if events[0][1] & select.POLLNVAL:
                return
            received = self._sock.recv_into(self._reader.space())
            if not received:
                return
            for frame in self._reader.advance(received):
                self._handle(*frame)

    def _patience(self) -> int:
        if self._wants_live or (self._async and self._async.has_live):
            return LIVE_POLL_MS
        if not self._busy:
            return IDLE_POLL_MS
        return HELD_POLL_MS if self._outbox.holds else BUSY_POLL_MS

    def _handle(self, kind: int, message: memoryview, buffers: list[Any]) -> None:
        content = pickle.loads(message)
        if kind == frames.CALLS:
            self._take(content, buffers)
        elif kind == frames.FUNCTION:
            number, blob, options = content
            self._functions[number] = Function(blob, buffers, options, self._assigned)
        elif kind == frames.CLASS:
            digest, stream = content
            announce(digest, stream, buffers)
        elif kind == frames.FORGET:
            self._functions.pop(content, None)
        elif kind == frames.RECALL:
            self._give_back(content)
        elif kind == frames.CANCEL:
            if self._async:
                self._async.cancel(*content)
        elif kind == frames.EXIT:
            self._ending = True
            self._release()

    def _take(self, content: Any, buffers: list[Any]) -> None:
        batch, number, blobs, counts = content
        function = self._functions[number]
        items: list[Item] = []
        used = 0
        for position, blob in enumerate(blobs):
            count = counts[position] if counts else 0
            items.append((batch, position, function, blob, buffers[used : used + count]))
            used += count
        if function.is_async:
            if self._async is None:
                from greenlithops.worker.coroutines import AsyncRunner  # noqa: PLC0415 - imports asyncio

                self._async = AsyncRunner(
                    self._outbox, self._host.capture, self._hello["concurrency"]
                )
            self._async.feed(items)
            return
        self._calls.extend(items)
        self._busy = len(self._calls) > 1 or self._journal.running() is not None
        self._wants_live = self._wants_live or function.live
        self._listened = time.thread_time_ns()  # what it took to read them is not the calls'
        self._release()

    def _release(self) -> None:
        if self._wake.locked():
            self._wake.release()

    def _give_back(self, wanted: int) -> None:
        """Return the last calls that were not started: the client has better use for them."""
        # And it goes on asking for those whose outcomes it has not got, so that there is no pause
        # in which they would be sent.
        self._outbox.flush()
        returned: list[tuple[int, int]] = []
        for calls in (self._calls, *((self._async.waiting,) if self._async else ())):
            try:
                while len(returned) < wanted:
                    batch, position, *_ = calls.pop()
                    returned.append((batch, position))
            except IndexError:
                continue
        self._stream.send(frames.RETURNED, returned)

    def _send_live(self) -> None:
        news: list[tuple[int, int, str]] = []
        if (running := self._running) and (text := self._host.capture.current.news()):
            news.append((*running, text))
        if self._async:
            news += self._async.live()
        if news:
            self._stream.send(frames.LOGS, news)
