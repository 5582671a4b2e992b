"""The CPU time of a block of the program's own code: of its process, thread or coroutine."""

from __future__ import annotations

import sys
import threading
import time
import types
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator

_NS = 1_000_000_000


class BlockClock(Protocol):
    """Counts CPU nanoseconds between a start and a stop."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> int:
        """Return the nanoseconds since the start."""
        ...


class ProcessClock:
    """This process with all its threads, and the children that ended meanwhile."""

    def start(self) -> None:
        """Begin."""
        self._before = time.process_time_ns() + children_ns()

    def stop(self) -> int:
        """Return nanoseconds of CPU time."""
        return time.process_time_ns() + children_ns() - self._before


class ThreadClock:
    """One thread, which must be the one that both starts and stops it."""

    def start(self) -> None:
        """Begin."""
        self._thread = threading.get_ident()
        self._before = time.thread_time_ns()

    def stop(self) -> int:
        """Return nanoseconds of CPU time.

        Raises:
            UsageError: it was started in another thread.
        """
        if threading.get_ident() != self._thread:
            raise UsageError(
                "a block of scope 'thread' must be left by the thread that entered it; "
                "use scope='process'"
            )
        return time.thread_time_ns() - self._before


class StepClock:
    """The steps of a coroutine; `metered` adds them."""

    def __init__(self) -> None:
        self.ns = 0

    def start(self) -> None:
        """Begin."""
        self.ns = 0

    def stop(self) -> int:
        """Return nanoseconds of CPU time."""
        return self.ns


@types.coroutine
def metered(coroutine: Coroutine[Any, Any, Any], clock: StepClock) -> Generator[Any, Any, Any]:
    """Await a coroutine, and add the CPU time of each of its steps to a clock."""
    step, argument = coroutine.send, None
    while True:
        before = time.thread_time_ns()
        try:
            waits_for = step(argument)
        except StopIteration as end:
            return end.value
        finally:
            clock.ns += time.thread_time_ns() - before
        try:
            argument = yield waits_for
            step = coroutine.send
        except GeneratorExit:
            coroutine.close()
            raise
        except BaseException as error:  # noqa: BLE001 - it is the coroutine's to handle
            step, argument = coroutine.throw, error


def children_ns() -> int:
    """Return the CPU time of the children that ended and were waited for, in nanoseconds."""
    if sys.platform == "win32":
        return 0  # Windows does not add it up
    import resource  # noqa: PLC0415 - there is none on Windows

    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return round((usage.ru_utime + usage.ru_stime) * _NS)
