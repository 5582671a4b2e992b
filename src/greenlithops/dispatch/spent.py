"""What a worker had used when it ended, for the calls that ended with it and could not tell."""

from __future__ import annotations

import os
import time
from array import array
from typing import TYPE_CHECKING

from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from greenlithops.energy.cpu_time.trees import Tree, TreeSource
    from greenlithops.protocols import WorkerHandle


class Spending:
    """The CPU time of one worker and of what its calls have started.

    Attributes:
        booked: nanoseconds of the calls whose outcomes have arrived.
    """

    def __init__(self) -> None:
        self.booked = 0
        self._before = 0
        self._total: int | None = None
        self._tree: Tree | None = None

    def follow(self, handle: WorkerHandle, trees: TreeSource | None) -> None:
        """Begin to count, where there is a source; what it counted before is not the calls'."""
        if self._tree is None and trees is not None and handle.pid != os.getpid():
            try:
                self._tree = trees.adopt(handle.pid)
            except OSError:
                return  # it has just ended

    def ready(self, handle: WorkerHandle) -> None:
        """Take note that the worker has started."""
        self._before = handle.journal.used()

    def look(self) -> None:
        """Read what cannot be read any more when the processes are gone."""
        if self._tree is not None:
            self._tree.read()

    def settle(self, handle: WorkerHandle) -> None:
        """Find out what there was in the end."""
        self._total = handle.spent_ns
        if self._tree is not None:
            self._total = self._tree.read(handle.spent_ns)
            self._tree.close()
            self._tree = None

    def of_running(self, start: int, used_before: int) -> array[int] | None:
        """Return the times, as in the ledger, of the one call that ran at the end.

        Args:
            start: when it began (monotonic ns).
            used_before: the worker's CPU nanoseconds at that moment.
        """
        return None if self._total is None else _times(start, self._total - used_before)

    def of_rest(self, start: int, calls: int) -> array[int] | None:
        """Return the times of each of several calls that ran side by side: equal parts."""
        if self._total is None:
            return None
        return _times(start, (self._total - self._before - self.booked) // calls)


def _times(start: int, cpu: int) -> array[int]:
    wall = max(0, time.monotonic_ns() - start)
    return array("q", (start, wall, max(0, cpu), *[0] * (FIELDS - 3)))
