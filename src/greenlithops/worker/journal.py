"""Memory that a worker and its client both see: which call runs, and what has just ended.

It costs a worker well under a microsecond a call, and tells the client, without any message, when
a call began, which call a worker died of, and the outcomes that the worker had not sent yet.
"""

from __future__ import annotations

import struct

TYPE_CHECKING = False  # typing's own takes a tenth of a worker's start
if TYPE_CHECKING:
    from collections.abc import Iterator

    Entry = tuple[int, int, int, bytes, tuple[int, ...], str | None]

JOURNAL_BYTES = 256 * 1024
FIELDS = 10  #: figures for each call, as `greenlithops.worker.calls.Times` has them
POSITION_BITS = 24  #: a running call is its batch, shifted by this, plus its position, plus 1

#: bytes of entries; start of the running call (monotonic ns), CPU ns of the worker at that start,
#: and which it is
_WORDS = struct.Struct("<QQQQ")
#: the last three. Which it is comes last, and is read first, so that who reads meanwhile takes no
#: earlier call's start for its own
_CALL = struct.Struct("<QQQ")
_CALL_PLACE = 8
#: batch, position, status, lengths of blob and log, figures
_ENTRY = struct.Struct(f"<QIIII{FIELDS}q")


class Journal:
    """The shared memory, from either side.

    Args:
        memory: `JOURNAL_BYTES` of writable memory, zero at first.
    """

    def __init__(self, memory: memoryview) -> None:
        self._memory = memory.cast("B")
        self._words = self._memory[: _WORDS.size].cast("Q")
        self._stop = _WORDS.size  # of what this side has written

    def begin(self, batch: int, position: int, start: int, cpu: int) -> None:
        """Say that a call begins, and what the worker has used until then, children included."""
        number = (batch << POSITION_BITS) + position + 1
        _CALL.pack_into(self._memory, _CALL_PLACE, start, cpu, number)

    def end(self) -> None:
        """Say that no call runs."""
        self._words[3] = 0

    def ready(self, cpu: int) -> None:
        """Say what the worker has used before its first call."""
        self._words[2] = cpu

    def used(self) -> int:
        """Return the worker's CPU nanoseconds when its latest call began, or before its first."""
        return self._words[2]

    def running(self) -> tuple[int, int, int] | None:
        """Return batch, position and start (monotonic ns) of the call that runs."""
        word = self._words[3]  # before its start: see `_CALL`
        if not word:
            return None
        return word >> POSITION_BITS, (word & ((1 << POSITION_BITS) - 1)) - 1, self._words[1]

    def write(  # noqa: PLR0917 - once for every call, and keywords cost
        self,
        batch: int,
        position: int,
        status: int,
        blob: bytes,
        times: tuple[int, ...],
        log: str | None,
    ) -> bool:
        """Write an outcome down; return False if there is no room for it."""
        text = log.encode() if log else b""
        size, text_size = len(blob), len(text)
        place, memory = self._stop, self._memory
        start = place + _ENTRY.size
        stop = start + size + text_size
        if stop > JOURNAL_BYTES:
            return False
        _ENTRY.pack_into(memory, place, batch, position, status, size, text_size, *times)
        memory[start:stop] = blob + text if text else blob
        self._stop = stop
        self._words[0] = stop - _WORDS.size  # last, so that only whole entries count
        return True

    def clear(self) -> None:
        """Forget the outcomes: they have been sent."""
        self._words[0] = 0
        self._stop = _WORDS.size

    def entries(self) -> Iterator[Entry]:
        """Give the outcomes that were written down: batch, position, status, blob, times, log."""
        place, stop = _WORDS.size, _WORDS.size + self._words[0]
        while place < stop:
            batch, position, status, size, text_size, *times = _ENTRY.unpack_from(
                self._memory, place
            )
            start = place + _ENTRY.size
            place = start + size + text_size
            text = bytes(self._memory[start + size : place]).decode("utf-8", "replace")
            blob = bytes(self._memory[start : start + size])
            yield batch, position, status, blob, tuple(times), text or None

    def release(self) -> None:
        """Let go of the memory."""
        self._words.release()
        self._memory.release()
