"""How many pods a pool has: as many as there are calls for at once, fewer when there are none."""

from __future__ import annotations

import asyncio
import logging
import math
from typing import TYPE_CHECKING

from greenlithops.errors import GreenlithopsError, ServiceUnavailable, Throttled

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.backends.compute.kubernetes.options import KubernetesOptions
    from greenlithops.backends.compute.kubernetes.session import Session

GATHER_SECONDS = 0.02  #: in which calls that come together are counted together

_log = logging.getLogger(__name__)


def wanted(busy: int, options: KubernetesOptions) -> int:
    """Return how many pods so many calls ask for."""
    pods = math.ceil(busy / options.worker_processes)
    return max(options.min_workers, min(options.max_workers, pods))


class Scaler:
    """Scales a session's pool.

    Args:
        session: whose pool it is.
        options: the bounds.
        busy: tells how many calls there are.
        failed: told why it cannot go on.
    """

    def __init__(
        self,
        session: Session,
        options: KubernetesOptions,
        busy: Callable[[], int],
        failed: Callable[[GreenlithopsError], None],
    ) -> None:
        self._session = session
        self._options = options
        self._busy = busy
        self._failed = failed
        self._woken = asyncio.Event()

    def wake(self) -> None:
        """The number of calls is another one."""
        self._woken.set()

    async def run(self) -> None:
        """Scale for ever: up at once, down when nothing was to be done for a while."""
        while True:
            idle = not self._busy() and self._session.replicas > self._options.min_workers
            try:
                async with asyncio.timeout(self._options.idle_seconds if idle else None):
                    await self._woken.wait()
            except TimeoutError:
                await self._scale(self._options.min_workers)
                continue
            self._woken.clear()
            await asyncio.sleep(GATHER_SECONDS)
            more = wanted(self._busy(), self._options)
            if more > self._session.replicas:
                await self._scale(more)

    async def _scale(self, pods: int) -> None:
        try:
            await self._session.scale(pods)
        except (Throttled, ServiceUnavailable) as error:
            _log.warning("the pool is not scaled now: %s", error)
            await asyncio.sleep(error.retry_after or 1.0)
            self.wake()
        except GreenlithopsError as error:
            self._failed(error)
