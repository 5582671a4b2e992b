"""The life of a worker process: reads calls in one thread, runs them in the main thread."""

from __future__ import annotations

import collections
import faulthandler
import fcntl
import mmap
import os
import pickle
import resource
import select
import signal
import socket
import sys
import threading
import time
from typing import Any, NoReturn

from greenlithops.errors import ProtocolError
from greenlithops.worker import frames
from greenlithops.worker.calls import Function, Runner, environment
from greenlithops.worker.capture import Capture, CallLog
from greenlithops.worker.errors import pack_error
from greenlithops.worker.frames import FrameReader, Sealer
from greenlithops.worker.outbox import Outbox, Stream
from greenlithops.worker.pickling import unpack

Item = tuple[int, int, Function, bytes, list[Any]]

PAGE_BYTES = 4096
POSITION_BITS = 24  #: the page's word for a call is its batch, shifted by this, plus position + 1
IDLE_POLL_MS = 1000
BUSY_POLL_MS = 10
LIVE_POLL_MS = 100
LOST_CONNECTION = 79  #: exit status of a worker whose call closed its file descriptors
BROKEN_WORKER = 70  #: exit status of a worker that failed by itself


class Worker:
    """One worker process.

    The main thread runs synchronous calls, as programs expect of a main thread. A second thread
    owns the receiving half of the socket, so that calls can be taken back, cancelled and flushed
    while one runs. What is not started waits in deques, whose ends are popped atomically: the
    left one by who runs calls, the right one by who takes them back.
    """

    def __init__(self, sock: socket.socket, page: memoryview, log: int) -> None:
        self._sock = sock
        self._page = page
        self._parent = os.getppid()
        key = _receive_exactly(sock, frames.KEY_BYTES)
        self._reader = FrameReader(key, frames.TO_WORKER)
        self._stream = Stream(sock, Sealer(key, frames.TO_CLIENT))
        self._outbox = Outbox(self._stream)
        self._functions: dict[int, Function] = {}
        self._calls: collections.deque[Item] = collections.deque()
        self._wake = threading.Lock()
        self._wake.acquire()
        self._directory = ""
        self._path: list[str] = []
        self._busy = self._wants_live = False
        self._ending = False
        self._async: Any = None
        self._early: list[frames.Frame] = []  #: what came together with the greeting
        self._hello = self._await_hello()
        self._capture = Capture(log, self._hello["log_bytes"])
        self._live: tuple[int, int] | None = None

    def _await_hello(self) -> dict[str, Any]:
        while not self._early:
            received = self._sock.recv_into(self._reader.space())
            if not received:
                sys.exit()  # the client went away before it said anything
            self._early = self._reader.advance(received)
        kind, message, _ = self._early.pop(0)
        if kind != frames.HELLO:
            raise ProtocolError("the first frame must be a greeting")
        hello: dict[str, Any] = pickle.loads(message)
        return hello

    def serve(self) -> NoReturn:
        """Run calls until the client says that it is over or goes away."""
        hello = self._hello
        sys.path[:] = hello["path"]
        sys.argv[:] = hello["argv"]
        self._capture.install()
        faulthandler.enable(file=2)
        if limit := hello["max_memory"]:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
        threading.Thread(target=self._listen, name="listener", daemon=True).start()
        try:
            if hello["initializer"] is not None:
                unpack(hello["initializer"], [])()
        except BaseException as error:  # noqa: BLE001 - becomes the executor's error
            self._stream.send(frames.BROKEN, pack_error(error)[0])
            self._leave()
        self._stream.send(frames.READY, os.getpid())
        self._run_calls()

    # The main thread.

    def _run_calls(self) -> NoReturn:
        runner, calls = Runner(), self._calls
        while True:
            try:
                item = calls.popleft()
            except IndexError:
                self._busy = self._wants_live = False
                if self._ending:
                    self._leave()
                self._wake.acquire()
                continue
            self._run_one(runner, item)

    def _run_one(self, runner: Runner, item: Item) -> None:
        batch, position, function, blob, buffers = item
        capture, page = self._capture, self._page
        del item
        if function.directory != self._directory or function.path != self._path:
            self._directory, self._path = function.directory, function.path
            os.chdir(self._directory)
            sys.path[:] = self._path
        if function.live:
            capture.current = CallLog(self._hello["log_bytes"], live=True)
            self._live = (batch, position)
        page[1] = time.monotonic_ns()
        page[0] = (batch << POSITION_BITS) + position + 1
        if function.environment:
            with environment(function.environment):
                status, payload, times = runner.run(function, blob, buffers)
        else:
            status, payload, times = runner.run(function, blob, buffers)
        try:
            capture.collect()
            text = None
            if log := capture.current:
                text = log.text()
                capture.current = capture.new_log()
            self._live = None
            last = not self._calls
            self._outbox.put(batch, position, status, payload, times, text, last=last)
        except OSError:
            os._exit(LOST_CONNECTION)
        page[0] = 0

    # The listening thread.

    def _listen(self) -> None:
        try:
            self._receive()
        finally:  # however it ends, without its connection the worker is of no use
            self._die()

    def _receive(self) -> None:
        for frame in self._early:
            self._handle(*frame)
        self._early = []
        poll = select.poll()
        poll.register(self._sock, select.POLLIN)
        while True:
            events = poll.poll(self._patience())
            if not events:
                if os.getppid() != self._parent:
                    return
                self._outbox.flush()
                self._send_live()
                continue
            if events[0][1] & select.POLLNVAL:
                return
            received = self._sock.recv_into(self._reader.space())
            if not received:
                return
            for kind, message, buffers in self._reader.advance(received):
                self._handle(kind, message, buffers)

    def _patience(self) -> int:
        if self._wants_live or (self._async and self._async.has_live):
            return LIVE_POLL_MS
        return BUSY_POLL_MS if self._busy else IDLE_POLL_MS

    def _handle(self, kind: int, message: memoryview, buffers: list[Any]) -> None:
        content = pickle.loads(message)
        if kind == frames.CALLS:
            self._take(content, buffers)
        elif kind == frames.FUNCTION:
            number, blob, options = content
            self._functions[number] = Function(blob, buffers, options)
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
                from greenlithops.worker.coroutines import AsyncRunner  # noqa: PLC0415 - costs asyncio

                self._async = AsyncRunner(self._outbox, self._capture, self._hello["concurrency"])
            self._async.feed(items)
            return
        self._calls.extend(items)
        self._busy = len(self._calls) > 1 or self._page[0] != 0
        self._wants_live = self._wants_live or function.live
        self._release()

    def _release(self) -> None:
        if self._wake.locked():
            self._wake.release()

    def _give_back(self, wanted: int) -> None:
        """Return the last calls that were not started: the client has better use for them."""
        returned: list[tuple[int, int]] = []
        waiting = [self._calls] + ([self._async.waiting] if self._async else [])
        for calls in waiting:
            try:
                while len(returned) < wanted:
                    batch, position, *_ = calls.pop()
                    returned.append((batch, position))
            except IndexError:
                continue
        self._stream.send(frames.RETURNED, returned)

    def _send_live(self) -> None:
        news: list[tuple[int, int, str]] = []
        if (running := self._live) is not None and (text := self._capture.current.news()):
            news.append((*running, text))
        if self._async:
            news += self._async.live()
        if news:
            self._stream.send(frames.LOGS, news)

    # The end.

    def _leave(self) -> NoReturn:
        """End as a process ends, but without waiting for threads that never do."""
        import atexit  # noqa: PLC0415 - only here

        self._outbox.flush()
        atexit._run_exitfuncs()  # noqa: SLF001 - what multiprocessing does in its children too
        sys.stdout.flush()
        os._exit(0)

    def _die(self) -> NoReturn:
        """End at once, with every process that calls have started."""
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process group when the other end of a pipe is closed.

    This holds when the client is killed while a call holds the interpreter lock for ever, so
    that no thread of ours can notice. Linux only; elsewhere the listening thread must do.
    """
    if not hasattr(fcntl, "F_SETSIG"):
        return
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpid())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    flags = fcntl.fcntl(lifeline, fcntl.F_GETFL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, flags | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)  # it was closed before the signal was set


def _receive_exactly(sock: socket.socket, count: int) -> bytes:
    data = sock.recv(count, socket.MSG_WAITALL)
    if len(data) != count:
        sys.exit()  # the client went away
    return data


def main(connection: int, lifeline: int, page: int, log: int) -> NoReturn:
    """Be a worker on inherited file descriptors; never returns."""
    die_with(lifeline)
    memory = mmap.mmap(page, PAGE_BYTES)
    os.close(page)
    try:
        Worker(socket.socket(fileno=connection), memoryview(memory).cast("Q"), log).serve()
    except BaseException:  # noqa: BLE001 - the client reads it from the log and tells the user
        import traceback  # noqa: PLC0415 - only here

        os.write(log, traceback.format_exc().encode())
    finally:
        os._exit(BROKEN_WORKER)
