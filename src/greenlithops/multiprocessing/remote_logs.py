"""What a process prints, shown by another while it runs: `util`'s names for it in Lithops."""

from __future__ import annotations

import io
import sys
import threading
from typing import TYPE_CHECKING

from greenlithops.multiprocessing import session as sessions
from greenlithops.multiprocessing.queues import SimpleQueue

if TYPE_CHECKING:
    from typing import TextIO


def _texts(stream: str) -> SimpleQueue[str | None]:
    """Return the queue of a stream: the same one in all processes of a program."""
    session = sessions.current()
    return SimpleQueue(session=session, key=f"gl:{{{session.name}}}:log:{stream}")


class RemoteLogIOBuffer(io.TextIOBase):
    """Collects what is printed between `start` and `stop`, and sends it on when it is flushed.

    What it collects is printed in its own process as well.

    Args:
        stream: the name under which a `RemoteLoggingFeed` of the same program waits for it.
    """

    def __init__(self, stream: str) -> None:
        self._queue = _texts(stream)
        self._collected: list[str] = []
        self._before: TextIO | None = None

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, log: str) -> int:
        """Collect a text, and print it here."""
        self._collected.append(log)
        if self._before is not None:
            self._before.write(log)
        return len(log)

    def flush(self) -> None:
        """Send what was collected."""
        collected, self._collected = self._collected, []
        if collected:
            self._queue.put("".join(collected))
        if self._before is not None:
            self._before.flush()

    def start(self) -> None:
        """Take the place of standard output."""
        if self._before is None:
            self._before, sys.stdout = sys.stdout, self

    def stop(self) -> None:
        """Send the rest, and give standard output back."""
        self.flush()
        if self._before is not None:
            sys.stdout, self._before = self._before, None


class RemoteLoggingFeed:
    """Prints what `RemoteLogIOBuffer` of other processes send, as it comes, in order.

    Args:
        stream: the name that they use.
    """

    def __init__(self, stream: str) -> None:
        self._queue = _texts(stream)
        self._thread = threading.Thread(target=self._show, name=f"logs {stream}", daemon=True)

    def _show(self) -> None:
        while (text := self._queue.get()) is not None:
            sys.stdout.write(text)
            sys.stdout.flush()

    def start(self) -> None:
        """Begin to print."""
        self._thread.start()

    def stop(self) -> None:
        """Print what has been sent until now, and end."""
        if self._thread.is_alive():
            self._queue.put(None)
            self._thread.join()
