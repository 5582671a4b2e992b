"""A framed, authenticated stream on the event loop, without copying what is large."""

from __future__ import annotations

import asyncio
import collections
import logging
import os
import pickle
import socket
from collections.abc import Callable
from typing import Any

from greenlithops.errors import ProtocolError
from greenlithops.worker import frames
from greenlithops.worker.frames import FrameReader, Sealer

logger = logging.getLogger(__name__)

OnFrame = Callable[[int, memoryview, list[Any]], None]
OnLost = Callable[[str], None]

_SOCKET_BYTES = 1 << 20
_PIECES = 64


class Channel:
    """The client's end of a worker's stream.

    Callbacks run on the loop; `on_lost` is called once, when the stream ends or is not one of
    ours, unless it was closed from here.
    """

    def __init__(self, sock: socket.socket, on_frame: OnFrame, on_lost: OnLost) -> None:
        key = os.urandom(frames.KEY_BYTES)
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._on_frame = on_frame
        self._on_lost = on_lost
        self._reader = FrameReader(key, frames.TO_CLIENT)
        self._sealer = Sealer(key, frames.TO_WORKER)
        self._frames: collections.deque[frames.Frame] = collections.deque()
        self._out: collections.deque[memoryview] = collections.deque([memoryview(key)])
        self._writing = False
        self._open = True
        sock.setblocking(False)
        for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
            sock.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BYTES)
        self._loop.add_reader(sock, self._readable)
        self._flush()

    def send(self, kind: int, message: Any, buffers: list[Any] | None = None) -> None:
        """Send a frame, now as far as the socket takes it, the rest when it can."""
        if not self._open:
            return
        pieces = self._sealer.seal(kind, pickle.dumps(message, 5), buffers)
        self._out.extend(memoryview(piece).cast("B") for piece in pieces if len(piece))
        if not self._writing:
            self._flush()

    def drain_now(self) -> None:
        """Read what has already arrived: the last words of a worker that has ended."""
        while self._open and (self._frames or self._receive()):
            while self._frames:
                self._pass_on()

    def close(self) -> None:
        """Close the stream; nothing is called back any more."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._sock)
            if self._writing:
                self._loop.remove_writer(self._sock)
            self._sock.close()
            self._out.clear()
            self._frames.clear()

    def _readable(self) -> None:
        if not self._frames:
            self._receive()
            self._handle()

    def _receive(self) -> bool:
        """Read once; return whether there was anything to read."""
        try:
            received = self._sock.recv_into(self._reader.space())
            if received:
                self._frames.extend(self._reader.advance(received))
                return True
            self._lose("it closed its connection")
        except (BlockingIOError, InterruptedError):
            return False
        except (OSError, ProtocolError) as error:
            self._lose(str(error))
        return False

    def _handle(self) -> None:
        """Pass one frame on; the next one when others on the loop have had their turn."""
        if self._frames and self._open:
            self._pass_on()
            if self._frames:
                self._loop.call_soon(self._handle)

    def _pass_on(self) -> None:
        try:
            self._on_frame(*self._frames.popleft())
        except Exception as error:
            # The calls that it was about must not wait for ever: they end with their worker.
            logger.exception("a frame of a worker could not be handled")
            self._lose(f"its message could not be handled: {error!r}")

    def _flush(self) -> None:
        out = self._out
        try:
            while out:
                if len(out) == 1:
                    sent = self._sock.send(out[0])
                else:
                    sent = self._sock.sendmsg([out[i] for i in range(min(len(out), _PIECES))])
                while out and sent >= len(out[0]):
                    sent -= len(out.popleft())
                if sent:
                    out[0] = out[0][sent:]
        except (BlockingIOError, InterruptedError):
            if not self._writing:
                self._writing = True
                self._loop.add_writer(self._sock, self._flush)
            return
        except OSError:
            out.clear()  # the reading side tells of the end, after the last words
        if self._writing:
            self._writing = False
            self._loop.remove_writer(self._sock)

    def _lose(self, reason: str) -> None:
        if self._open:
            self.close()
            self._on_lost(reason)
