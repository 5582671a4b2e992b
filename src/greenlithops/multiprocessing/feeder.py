"""Reads the input of one `imap`, never far ahead of who takes the results."""

from __future__ import annotations

import itertools
import threading
import weakref
from typing import TYPE_CHECKING, Any

from greenlithops.multiprocessing.chunks import each
from greenlithops.multiprocessing.results import Arrivals

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from greenlithops.sync.pool import PoolExecutor


class Feeder:
    """Submits calls for the elements of an input, in a thread, since the input may block.

    Args:
        executor: runs the calls.
        function: what is called for every element.
        source: the input.
        size: elements of one call.
        ahead: how many calls may be ahead of the results taken.
    """

    def __init__(
        self,
        executor: PoolExecutor,
        function: Callable[[Any], Any],
        source: Iterable[Any],
        size: int,
        ahead: int,
    ) -> None:
        self._executor = executor
        self._size = size
        self._function = function if size == 1 else each(function, spread=False)
        self._source = iter(source)
        self._room = threading.Semaphore(ahead)
        self._stopped = self._rushed = False
        self._arrivals: weakref.ref[Arrivals[Any]]
        self._thread = threading.Thread(target=self._feed, name="greenlithops-imap", daemon=True)

    def start(self, *, ordered: bool) -> Arrivals[Any]:
        """Begin to read; return the results, which end it when nobody wants them any more."""
        arrivals: Arrivals[Any] = Arrivals(ordered=ordered, taken=self._room.release)
        self._arrivals = weakref.ref(arrivals, lambda _: self.stop())
        self._thread.start()
        return arrivals

    @property
    def reading(self) -> bool:
        """Whether there may be more calls."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """Read no more."""
        self._stopped = True
        self._room.release()

    def finish(self) -> None:
        """Read the rest of the input without regard to results that were not taken."""
        self._rushed = True
        self._room.release()
        self._thread.join()

    def _feed(self) -> None:
        number, error = 0, None
        try:
            while self._may_go_on():
                task = list(itertools.islice(self._source, self._size))
                if not task:
                    break
                future = self._executor.submit(self._function, task[0] if self._size == 1 else task)
                arrivals = self._arrivals()
                if arrivals is None:
                    break
                future.add_done_callback(lambda f, a=arrivals, n=number: a.arrived(n, f))  # type: ignore[misc]  # what it is called with
                del arrivals, future
                number += 1
        except BaseException as raised:  # noqa: BLE001 - carried to who takes the results
            error = raised
        arrivals = self._arrivals()
        if arrivals is not None:
            arrivals.complete(number, error)

    def _may_go_on(self) -> bool:
        if not self._rushed:
            self._room.acquire()
        return not self._stopped
