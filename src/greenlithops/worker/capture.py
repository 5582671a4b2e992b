"""What a call prints, kept with the call: Python's streams, and file descriptors 1 and 2 too."""

from __future__ import annotations

import codecs
import contextlib
import contextvars
import io
import os
import sys
import threading

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from typing import Any

_CHUNK = 1 << 20
_LONGEST = 3  #: bytes of a character that is not whole
_CONTINUED = bytes(range(0x80, 0xC0))  #: those with which no character begins


class CallLog:
    """The output of one call, bounded: its first and its last half, and how much is missing."""

    __slots__ = ("_cut", "_decoder", "_fresh", "_half", "_head", "_lock", "_tail")

    def __init__(self, limit: int, *, live: bool = False) -> None:
        self._half = limit // 2
        self._head = bytearray()
        self._tail = bytearray()
        self._cut = 0
        self._fresh = bytearray() if live else None
        # A character may come in two parts.
        self._decoder: Any = codecs.getincrementaldecoder("utf-8")("replace") if live else None
        self._lock = threading.Lock()

    def write(self, data: bytes | memoryview) -> None:
        """Append output; beyond the limit, forget what is in the middle."""
        half = self._half
        with self._lock:
            if self._fresh is not None and len(self._fresh) < half:
                self._fresh += data
            room = half - len(self._head)
            if room > 0:
                self._head += data[:room]
                data = data[room:]
            if len(data) > half:
                self._cut += len(data) - half
                data = data[-half:]
            self._tail += data
            if len(self._tail) > 2 * half:
                surplus = len(self._tail) - half
                del self._tail[:surplus]
                self._cut += surplus

    def text(self) -> str:
        """Return what is kept, with a note where something was cut."""
        with self._lock:
            surplus = max(0, len(self._tail) - self._half)
            cut = self._cut + surplus
            if not cut:
                return (self._head + self._tail).decode("utf-8", "replace")
            head, tail = _untorn(self._head, self._tail[surplus:])
            cut += len(self._head) - len(head) + len(self._tail) - surplus - len(tail)
            note = f"\n[greenlithops: {cut} bytes of output were cut here]\n".encode()
            return (head + note + tail).decode("utf-8", "replace")

    def news(self) -> str:
        """Return what was written since the last time this was asked, of a live log."""
        with self._lock:
            fresh, self._fresh = self._fresh or b"", bytearray()
            text: str = self._decoder.decode(fresh)
            return text

    def __bool__(self) -> bool:
        return bool(self._head)


def _untorn(head: bytearray, tail: bytearray) -> tuple[bytearray, bytearray]:
    """Return what is before a cut and after it without parts of characters that it goes through."""
    decoder = codecs.getincrementaldecoder("utf-8")("ignore")
    decoder.decode(head[-_LONGEST:])
    torn: int = len(decoder.getstate()[0])
    rest = tail[:_LONGEST].lstrip(_CONTINUED)
    return head[: len(head) - torn], rest + tail[_LONGEST:]


#: the log of the coroutine that runs; a sync call's log is `Capture.current`
task_log: contextvars.ContextVar[CallLog | None] = contextvars.ContextVar("call_log", default=None)


class _Stream(io.RawIOBase):
    """The raw end of ``sys.stdout`` and ``sys.stderr``: hands bytes to the call that runs."""

    def __init__(self, capture: Capture, descriptor: int) -> None:
        self._capture = capture
        self._descriptor = descriptor

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        view = memoryview(data).cast("B")
        self._capture.log().write(view)
        return len(view)


class Routed(io.TextIOBase):
    """Stands in for a stream of a process that is not all ours: what calls print is kept."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        """Write to the log of the call that runs here, or else to the stream."""
        log = task_log.get()
        if log is None:
            return int(self.stream.write(text))
        log.write(text.encode("utf-8", "backslashreplace"))
        return len(text)

    def flush(self) -> None:
        """Flush the stream; a log needs none."""
        if task_log.get() is None:
            self.stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


class Capture:
    """Directs all output of this process to the call that makes it.

    Python's streams are separated by coroutine; what C code and child processes write to file
    descriptors 1 and 2 lands in an anonymous file (`descriptor`) that never blocks its writer,
    and belongs to the call that runs when it is collected.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self.set_limit(_CHUNK)

    def set_limit(self, limit: int) -> None:
        """Keep so many bytes of what each call prints."""
        self.limit = limit
        self.current = CallLog(limit)

    def install(self) -> None:
        """Put the streams in the place of ``sys.stdout`` and ``sys.stderr``."""
        self.out, self.err = self._stream(1), self._stream(2)
        sys.stdout = sys.__stdout__ = self.out  # type: ignore[misc]  # they are ours to replace
        sys.stderr = sys.__stderr__ = self.err  # type: ignore[misc]

    def _stream(self, number: int) -> io.TextIOWrapper:
        raw: Any = _Stream(self, number)  # unbuffered: nothing is lost when a worker dies
        return io.TextIOWrapper(
            raw, encoding="utf-8", errors="backslashreplace", write_through=True
        )

    def restore(self) -> None:
        """Put the streams back where a call has replaced or closed them."""
        if self.out.closed or self.err.closed:
            self.install()
        if sys.stdout is not self.out:
            sys.stdout = self.out
        if sys.stderr is not self.err:
            sys.stderr = self.err

    def log(self) -> CallLog:
        """Return the log of the call that runs here."""
        mine = task_log.get()
        return self.current if mine is None else mine

    def begin(self, *, live: bool) -> CallLog:
        """Return the log of the synchronous call that is about to run."""
        if live or self.current:
            self.current = CallLog(self.limit, live=live)
        return self.current

    def begin_task(self, *, live: bool) -> CallLog:
        """Return the log of the coroutine that asks, and direct what it prints there."""
        log = CallLog(self.limit, live=live)
        task_log.set(log)
        return log

    def collect(self) -> None:
        """Move what was written to the file descriptors to the log of the running call."""
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        if not size:
            return
        log = self.log()
        for offset in range(0, size, _CHUNK):
            log.write(os.pread(self._descriptor, _CHUNK, offset))
        os.ftruncate(self._descriptor, 0)


class Inherited(Capture):
    """Leaves output where it goes by itself: the process has the streams of its client."""

    def _stream(self, number: int) -> io.TextIOWrapper:
        original = sys.__stdout__ if number == 1 else sys.__stderr__
        about = (original.encoding, original.errors) if original else ("utf-8", "backslashreplace")
        # By lines, so that those of several workers do not mix.
        return open(number, "w", buffering=1, encoding=about[0], errors=about[1], closefd=False)

    def restore(self) -> None:
        """Open the streams again where a call has closed them; what replaces them stays."""
        if self.out.closed or self.err.closed:
            self.install()

    def collect(self) -> None:
        """Let out what a call has printed: the worker may not end in an orderly way."""
        for stream in (sys.stdout, sys.stderr):
            # A call may have closed it; or its reader has gone, which the call was told.
            with contextlib.suppress(AttributeError, OSError, ValueError):
                stream.flush()
