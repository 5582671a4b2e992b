"""Pipes between processes on different machines, and listeners that they are opened with."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, Self

from greenlithops.errors import GreenlithopsError
from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.encoding import decode
from greenlithops.multiprocessing.streams import READ, WRITE, Stream
from greenlithops.multiprocessing.waits import wait

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from types import TracebackType

    from greenlithops.backends.state.steps import Steps
    from greenlithops.multiprocessing.session import Session

__all__ = ["AsyncConnection", "Client", "Connection", "Listener", "Pipe", "wait"]  # noqa: F822 - see `__getattr__`


class _End:
    """One end of a pipe."""

    def __init__(self, inward: Stream | None, outward: Stream | None) -> None:
        self._in, self._out = inward, outward
        self._pid = os.getpid()
        stream = inward or outward
        assert stream is not None  # noqa: S101 - a pipe goes somewhere
        self._session = stream.session
        self._session.keep(stream)

    @property
    def closed(self) -> bool:
        """Whether this end was closed in this process."""
        return self._in is None and self._out is None

    @property
    def readable(self) -> bool:
        """Whether messages can be received."""
        return self._in is not None

    @property
    def writable(self) -> bool:
        """Whether messages can be sent."""
        return self._out is not None

    def fileno(self) -> int:
        """Refuse: it is not one of this machine's descriptors.

        Raises:
            io.UnsupportedOperation: always; `wait` of this package takes it as it is.
        """
        raise io.UnsupportedOperation(
            "a connection through a server has no descriptor; use "
            "greenlithops.multiprocessing.connection.wait"
        )

    def _inward(self) -> Stream:
        if self.closed:
            raise OSError("handle is closed")
        if self._in is None:
            raise OSError("connection is write-only")
        return self._in

    def _outward(self) -> Stream:
        if self.closed:
            raise OSError("handle is closed")
        if self._out is None:
            raise OSError("connection is read-only")
        return self._out

    def _closing(self) -> list[Stream]:
        streams = [stream for stream in (self._in, self._out) if stream is not None]
        self._in = self._out = None
        return streams

    def __reduce__(self) -> tuple[Any, ...]:
        if self.closed:
            raise OSError("handle is closed")
        ends = [None if s is None else s.send_off() for s in (self._in, self._out)]
        return _arrived, (type(self), self._session, *ends)

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"{'r' * self.readable}{'w' * self.writable}"
        return f"<{type(self).__name__} {state}>"

    def __del__(self) -> None:
        if not hasattr(self, "_session"):
            return  # it was never opened
        alive = not sys.is_finalizing() and not self._session.over
        if alive and not self.closed and self._pid == os.getpid():
            with contextlib.suppress(
                GreenlithopsError, RuntimeError
            ):  # it is closed with the server
                for stream in self._closing():
                    stream.session.run(stream.close())


def _arrived(
    cls: type[_End], session: Session, inward: tuple[str, str, str] | None, outward: Any
) -> _End:
    streams = [None if end is None else Stream(session, *end) for end in (inward, outward)]
    return cls(*streams)


class Connection(_End):
    """One end of a pipe; see `multiprocessing.connection.Connection`."""

    def send(self, obj: Any) -> None:
        """Send an object that can be pickled.

        Raises:
            BrokenPipeError: nobody can receive it.
        """
        outward = self._outward()
        self._session.run(outward.send(self._session.pack(obj)))

    def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Send bytes."""
        outward = self._outward()
        self._session.run(outward.send(_part(buf, offset, size)))

    def recv(self) -> Any:
        """Return the next object.

        Raises:
            EOFError: all have been received, and nobody can send any more.
        """
        return decode(self._session.run(self._inward().receive()))

    def recv_bytes(self, maxlength: int | None = None) -> bytes:
        """Return the next bytes; see `recv`.

        Raises:
            OSError: they are more than `maxlength`.
        """
        if maxlength is not None and maxlength < 0:
            raise ValueError("negative maxlength")
        message = self._session.run(self._inward().receive())
        if maxlength is not None and len(message) > maxlength:
            self.close()
            raise OSError("bad message length")
        return message

    def recv_bytes_into(self, buf: Any, offset: int = 0) -> int:
        """Receive bytes into a buffer; return how many.

        Raises:
            BufferTooShort: they do not fit; the error has them.
        """
        return _into(buf, offset, self._session.run(self._inward().receive()))

    def poll(self, timeout: float | None = 0.0) -> bool:
        """Return whether something can be received within `timeout` seconds."""
        return self._session.run(self._inward().ready(timeout))

    def close(self) -> None:
        """Give up this end."""
        for stream in self._closing():
            stream.session.run(stream.close())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class AsyncConnection(_End):
    """One end of a pipe for event loops."""

    def _do(self, steps: Steps[Any]) -> Coroutine[Any, Any, Any]:
        return self._session.arun(steps)

    async def send(self, obj: Any) -> None:
        """Send an object; see `Connection.send`."""
        await self._do(self._outward().send(self._session.pack(obj)))

    async def send_bytes(self, buf: Any, offset: int = 0, size: int | None = None) -> None:
        """Send bytes."""
        await self._do(self._outward().send(_part(buf, offset, size)))

    async def recv(self) -> Any:
        """Return the next object; see `Connection.recv`."""
        return decode(await self._do(self._inward().receive()))

    async def recv_bytes(self) -> bytes:
        """Return the next bytes."""
        message: bytes = await self._do(self._inward().receive())
        return message

    async def poll(self, timeout: float | None = 0.0) -> bool:  # noqa: ASYNC109 - the standard library's name
        """Return whether something can be received within `timeout` seconds."""
        ready: bool = await self._do(self._inward().ready(timeout))
        return ready

    async def close(self) -> None:
        """Give up this end."""
        for stream in self._closing():
            await self._do(stream.close())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()


def _part(buf: Any, offset: int, size: int | None) -> bytes:
    view = memoryview(buf).cast("B")
    if offset < 0:
        raise ValueError("offset is negative")
    if offset > len(view):
        raise ValueError("buffer length < offset")
    if size is None:
        return bytes(view[offset:])
    if size < 0:
        raise ValueError("size is negative")
    if offset + size > len(view):
        raise ValueError("buffer length < offset + size")
    return bytes(view[offset : offset + size])


def _into(buf: Any, offset: int, message: bytes) -> int:
    from multiprocessing.context import BufferTooShort  # noqa: PLC0415 - rarely needed

    view = memoryview(buf).cast("B")
    if offset < 0:
        raise ValueError("negative offset")
    if offset > len(view):
        raise ValueError("offset too large")
    if len(view) < offset + len(message):
        raise BufferTooShort(message)
    view[offset : offset + len(message)] = message
    return len(message)


def Pipe(  # noqa: N802 - the standard library's name
    duplex: bool = True,
    conn_type: str | None = None,  # noqa: ARG001 - Lithops' parameter; there is one kind
) -> tuple[Connection, Connection]:
    """Return the two ends of a pipe; see `multiprocessing.Pipe`.

    Args:
        duplex: whether messages go both ways; else the first end receives and the second sends.
        conn_type: accepted.
    """
    return make_pipe(Connection, sessions.current(), duplex=duplex)


def make_pipe(cls: Callable[..., Any], session: Session, *, duplex: bool) -> tuple[Any, Any]:
    """Return two ends of a class."""
    there = session.new_key("pipe")
    here = session.new_key("pipe")
    first = cls(Stream(session, here, READ), Stream(session, there, WRITE) if duplex else None)
    second = cls(Stream(session, there, READ) if duplex else None, Stream(session, here, WRITE))
    return first, second


PipeConnection = Connection  #: Lithops' name


def __getattr__(name: str) -> Any:
    """Import `Listener` and `Client` when they are first used."""
    if name in {"Listener", "Client", "families"}:
        from greenlithops.multiprocessing import listener  # noqa: PLC0415 - a circle

        return getattr(listener, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
