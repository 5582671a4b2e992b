"""The worker as a process that answers invocations on a socket which it was given.

Frames are ``kind, length, bytes`` both ways. The first one carries the key; each of the others is
an invocation, and is answered by one of its own, in order. It ends with the other side.
"""

from __future__ import annotations

import faulthandler
import os
import socket
import struct
import sys
import time
from pathlib import Path

from greenlithops.errors import ProtocolError
from greenlithops.worker.capture import Routed
from greenlithops.worker.process import die_with
from greenlithops.worker.service import Service

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import NoReturn

FRAME = struct.Struct("<BQ")
READY, ANSWER, REFUSED = range(3)


def main(connection: int, lifeline: int) -> NoReturn:
    """Answer on an inherited socket until it is closed; never returns."""
    die_with(lifeline)
    faulthandler.enable()
    _die_first()
    sock = socket.socket(fileno=connection)
    sys.stdout, sys.stderr = Routed(sys.stdout), Routed(sys.stderr)
    service = None
    while (frame := _read(sock)) is not None:
        if service is None:
            service = Service(bytes(frame), time.process_time_ns)
            _write(sock, READY, b"")
            continue
        try:
            kind, reply = ANSWER, service.answer(bytes(frame))
        except ProtocolError as error:
            kind, reply = REFUSED, str(error).encode()
        _write(sock, kind, reply)
    os._exit(0)


def _die_first() -> None:
    """When memory is short, have the kernel end this process rather than the one that tells why."""
    try:
        Path("/proc/self/oom_score_adj").write_text("1000")
    except OSError:
        return  # not on Linux, or not allowed


def _read(sock: socket.socket) -> bytearray | None:
    head = _exactly(sock, FRAME.size)
    if head is None:
        return None
    _, length = FRAME.unpack(head)
    return _exactly(sock, length)


def _exactly(sock: socket.socket, count: int) -> bytearray | None:
    data = bytearray(count)
    view = memoryview(data)
    while view:
        got = sock.recv_into(view)
        if not got:
            return None
        view = view[got:]
    return data


def _write(sock: socket.socket, kind: int, data: bytes) -> None:
    sock.sendall(FRAME.pack(kind, len(data)))
    sock.sendall(data)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
