"""A process of a service: it answers what the service asks over a socket, until that closes."""

from __future__ import annotations

import os
import queue
import socket
import sys
import threading
import time

from greenlithops.worker.capture import Routed
from greenlithops.worker.invocation import LENGTH
from greenlithops.worker.process import die_with
from greenlithops.worker.service import Service

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import NoReturn


def main(connection: int, lifeline: int) -> NoReturn:
    """Be a child on inherited file descriptors; never returns."""
    die_with(lifeline)
    sock = socket.socket(fileno=connection)
    messages: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(sock, messages), daemon=True).start()
    sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
    service = Service(messages.get(), time.process_time_ns)
    sock.sendall(LENGTH.pack(0))  # from now on, time is that of calls
    while True:
        reply = service.answer(messages.get())
        sock.sendall(LENGTH.pack(len(reply)) + reply)


def _listen(sock: socket.socket, messages: queue.SimpleQueue[bytes]) -> NoReturn:
    """Take messages; end the process when there can be no more."""
    while True:
        (size,) = LENGTH.unpack(_read(sock, LENGTH.size))
        messages.put(_read(sock, size))


def _read(sock: socket.socket, size: int) -> bytes:
    data = bytearray(size)
    view = memoryview(data)
    while view:
        got = sock.recv_into(view)
        if not got:
            os._exit(0)  # the service is gone, or wants this process no more
        view = view[got:]
    return bytes(data)
