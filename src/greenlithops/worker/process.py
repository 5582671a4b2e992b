"""A worker as a process of its own: its streams, its limits, and its end with its client."""

from __future__ import annotations

import faulthandler
import fcntl
import mmap
import os
import resource
import select
import signal
import socket
import sys
import time

from greenlithops.worker import ordinal
from greenlithops.worker.capture import Capture, Inherited
from greenlithops.worker.journal import JOURNAL_BYTES, Journal
from greenlithops.worker.server import Server

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from greenlithops.worker.calls import Function

LOST_CONNECTION = 79  #: exit status of a worker whose call closed its file descriptors
BROKEN_WORKER = 70  #: exit status of a worker that failed by itself


class ProcessHost:
    """The process around a server."""

    def __init__(self, log: int, *, inherits: bool) -> None:
        self.capture = Inherited(log) if inherits else Capture(log)
        self._log = log
        self._parent = os.getppid()

    def greet(self, hello: dict[str, Any]) -> None:
        """Take over the client's path and arguments."""
        sys.path[:] = hello["path"]
        sys.argv[:] = hello["argv"]
        ordinal.number = hello["number"]
        self.capture.set_limit(hello["log_bytes"])
        self.capture.install()
        faulthandler.enable(file=self._log)
        if hello["as_lithops"]:
            from greenlithops.as_lithops.finder import be_worker  # noqa: PLC0415 - if switched on

            be_worker()

    def confine(self, hello: dict[str, Any]) -> None:
        """Set the limits for calls, after what the worker itself needs is there."""
        if limit := hello["max_memory"]:
            resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))

    def prepare(self, function: Function) -> None:
        """Have the surroundings that the client had, whatever calls before did to them."""
        if os.getcwd() != function.directory:
            os.chdir(function.directory)
        if sys.path != function.path:
            sys.path[:] = function.path
        self.capture.restore()

    def alive(self) -> bool:
        """Return whether the parent is the one that there was at the start."""
        return os.getppid() == self._parent

    def leave(self) -> NoReturn:
        """End as a process ends, but without waiting for threads that never do."""
        import atexit  # noqa: PLC0415 - only here

        atexit._run_exitfuncs()  # noqa: SLF001 - what multiprocessing does in its children too
        os._exit(0)

    def abandoned(self) -> NoReturn:
        """End at once, with every process that calls have started."""
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(LOST_CONNECTION)


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


def share_tracker(descriptor: int) -> None:
    """Have shared memory tracked where the client has its own: it outlives this process."""
    from multiprocessing import resource_tracker  # noqa: PLC0415 - if the client uses it

    tracker: Any = resource_tracker._resource_tracker  # noqa: SLF001 - as multiprocessing gives it to its children
    tracker._fd = descriptor  # noqa: SLF001 - as above


def main(  # noqa: PLR0917 - what a command line gives
    connection: int, lifeline: int, journal: int, log: int, inherits: int, tracker: int
) -> NoReturn:
    """Be a worker on inherited file descriptors; never returns."""
    die_with(lifeline)
    memory = mmap.mmap(journal, JOURNAL_BYTES)
    os.close(journal)
    status = BROKEN_WORKER
    try:
        sock = socket.socket(fileno=connection)
        shared = Journal(memoryview(memory))
        host = ProcessHost(log, inherits=bool(inherits))
        if tracker >= 0:
            share_tracker(tracker)
        Server(sock, shared, host, time.process_time_ns).serve()
    except OSError:
        status = LOST_CONNECTION
    except BaseException:  # noqa: BLE001 - the client reads it from the log and tells the user
        import traceback  # noqa: PLC0415 - only here

        os.write(log, traceback.format_exc().encode())
    finally:
        os._exit(status)
