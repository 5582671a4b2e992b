"""Tells hooks what happens, in order and in a thread of their own, so that they may block."""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.models import Event
    from greenlithops.protocols import Hook

logger = logging.getLogger(__name__)

END_SECONDS = 5.0  #: how long the end of an executor waits for its hooks


class HookThread:
    """Runs the hooks of one executor."""

    def __init__(self, hooks: Sequence[Hook]) -> None:
        self._hooks = tuple(hooks)
        self._events: queue.SimpleQueue[Event | None] = queue.SimpleQueue()
        self._loop = asyncio.get_running_loop()
        self._ended = self._loop.create_future()
        self._thread = threading.Thread(target=self._run, name="greenlithops-hooks", daemon=True)
        self._thread.start()

    def emit(self, event: Event) -> None:
        """Have every hook called with `event`."""
        self._events.put(event)

    def _run(self) -> None:
        while (event := self._events.get()) is not None:
            for hook in self._hooks:
                try:
                    hook(event)
                except BaseException:  # even an exit is not the end of the other hooks
                    logger.exception("a hook failed", extra={"hook": repr(hook)})
        try:
            self._loop.call_soon_threadsafe(self._finish)
        except RuntimeError:
            return  # the loop has been closed: nobody waits any more

    def _finish(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)

    async def close(self) -> None:
        """Wait until the hooks have heard everything, within reason."""
        self._events.put(None)
        try:
            async with asyncio.timeout(END_SECONDS):
                await asyncio.shield(self._ended)
            self._thread.join()
        except TimeoutError:
            logger.warning("hooks were still busy %s s after the end", END_SECONDS)
