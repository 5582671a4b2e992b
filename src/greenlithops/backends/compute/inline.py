"""Workers inside this process: the real worker code in threads, for tests and for debugging."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import socket
import sys
import threading
import time
from typing import TYPE_CHECKING, Any, Self

from greenlithops.errors import UsageError
from greenlithops.models import Limits
from greenlithops.worker.capture import CallLog, Capture, Routed
from greenlithops.worker.journal import JOURNAL_BYTES, Journal
from greenlithops.worker.server import Server

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.worker.calls import Function


class _ThreadCapture(Capture):
    """Captures by thread; what C code prints cannot be told from the rest of the program."""

    def __init__(self) -> None:
        super().__init__(-1)

    def begin(self, *, live: bool) -> CallLog:
        self.current = self.begin_task(live=live)
        return self.current

    def collect(self) -> None:
        pass


class _ThreadHost:
    """The thread around a server."""

    def __init__(self, listening: Callable[[], None]) -> None:
        self.capture: Capture = _ThreadCapture()
        self._listening = listening

    def greet(self, hello: dict[str, Any]) -> None:
        self.capture.set_limit(hello["log_bytes"])

    def confine(self, hello: dict[str, Any]) -> None:
        if hello["max_memory"]:
            raise UsageError("the inline backend cannot limit memory; use 'localhost'")
        self._listening()

    def prepare(self, function: Function) -> None:
        pass  # the surroundings are the client's own

    def alive(self) -> bool:
        return True

    def leave(self) -> None:
        pass

    def abandoned(self) -> None:
        pass


class InlineWorker:
    """A worker in a thread of this process."""

    def __init__(self, on_exit: Callable[[int], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_exit = on_exit
        self._words = ""
        self._ended = False
        self._ending = threading.Lock()
        self._interruptible = self._told = False
        self._server: Server | None = None
        self.pid = os.getpid()
        self.spent_ns: int | None = None
        self.socket, self._theirs = socket.socketpair()
        self.journal = Journal(memoryview(bytearray(JOURNAL_BYTES)))
        self._thread = threading.Thread(target=self._run, name="greenlithops-inline", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        status = 1
        try:
            try:
                status = self._serve()
            finally:
                with self._ending:
                    self._interruptible = False
        except SystemExit:
            pass  # it was told to go when it was about to
        if self._server is not None:
            self._server.stop_listening()
        self._theirs.close()
        try:
            self._loop.call_soon_threadsafe(self._exit, status)
        except RuntimeError:
            return  # the loop has been closed: nobody waits any more

    def _serve(self) -> int:
        try:
            host = _ThreadHost(self._listening)
            self._server = Server(self._theirs, self.journal, host, time.thread_time_ns)
            self._server.serve()
        except (OSError, SystemExit):
            return 1  # its client let it go
        except BaseException as error:  # noqa: BLE001 - told to the user as the reason
            self._words = f"{type(error).__name__}: {error}"
            return 1
        return 0

    def _listening(self) -> None:
        # Not before: while a thread is being started, CPython takes it for the one that starts it,
        # so that it gets the exception instead, never begins, and is waited for without end.
        with self._ending:
            self._interruptible = True
            if self._told:
                raise SystemExit

    def _exit(self, status: int) -> None:
        if not self._ended:
            self._ended = True
            self._on_exit(status)

    def kill(self) -> None:
        """Let the thread go: it is told to stop, and forgotten in any case.

        A thread cannot be killed. One that runs Python code gets a SystemExit; one that waits in
        C code goes on until it comes back, and then ends.
        """
        if self._ended:
            return
        with contextlib.suppress(OSError):  # it has just closed it
            self._theirs.shutdown(socket.SHUT_RDWR)
        with self._ending:
            self._interrupt()
        self._loop.call_soon(self._exit, 1)

    def _interrupt(self) -> None:
        told, self._told = self._told, True
        if told or not self._interruptible:
            return
        if self._thread.ident is not None and self._thread.is_alive():
            clock = time.pthread_getcpuclockid(self._thread.ident)
            self.spent_ns = time.clock_gettime_ns(clock)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(
                ctypes.c_ulong(self._thread.ident), ctypes.py_object(SystemExit)
            )

    def last_words(self) -> str:
        """Return why the worker ended by itself."""
        return self._words

    def close(self) -> None:
        """Release what the client holds, which is nothing."""


class InlineBackend:
    """Runs calls in threads of this process: one at a time each, in the order given.

    What it cannot do: end a call that waits in C code, limit memory, capture what C code and
    child processes print, or survive a call that ends the process.
    """

    name = "inline"
    limits = Limits()

    async def __aenter__(self) -> Self:
        self._streams = [Routed(sys.stdout), Routed(sys.stderr)]
        sys.stdout, sys.stderr = self._streams
        return self

    async def __aexit__(self, *_: object) -> None:
        ours = self._streams
        if sys.stdout is ours[0]:
            sys.stdout = ours[0].stream
        if sys.stderr is ours[1]:
            sys.stderr = ours[1].stream

    def start_worker(self, on_exit: Callable[[int], None]) -> InlineWorker:
        """Start one more thread."""
        return InlineWorker(on_exit)
