"""Runs callbacks of users' code, which may block, outside of the loop."""

from __future__ import annotations

import logging
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

LINGER_SECONDS = 1.0  #: how long the thread stays when there is nothing to do


class CallbackThread:
    """One thread, while there are callbacks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._running = False

    def put(self, callback: Callable[[], None]) -> None:
        """Have `callback` called, after those before it."""
        with self._lock:
            self._waiting.put(callback)
            if self._running:
                return
            self._running = True
        threading.Thread(target=self._run, name="greenlithops-callbacks", daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                callback = self._waiting.get(timeout=LINGER_SECONDS)
            except queue.Empty:
                with self._lock:
                    if self._waiting.empty():
                        self._running = False
                        return
                continue
            try:
                callback()
            except Exception:
                logger.exception("a callback failed")
            del callback
