"""How many requests a service bears, learnt from those that it refuses."""

from __future__ import annotations

import random

LONGEST_PAUSE = 10.0


class Pace:
    """How many requests may be in flight: less when the service throttles, a little more after.

    Args:
        most: the limit of the backend or of the user.
    """

    def __init__(self, most: int) -> None:
        self.limit = float(most)
        self.until = 0.0  #: when the next request may be made, by the loop's clock
        self._most = float(most)
        self._pauses = 0

    def fine(self) -> None:
        """A request was taken."""
        self.limit = min(self._most, self.limit + 1 / self.limit)
        self._pauses = 0

    def throttled(self, in_flight: int, now: float, retry_after: float | None) -> None:
        """A request was refused for there are too many."""
        if now < self.until:
            return  # one of many that were refused together
        self.limit = max(1.0, min(self.limit, float(in_flight)) * 0.8)
        self._pauses += 1
        pause = min(LONGEST_PAUSE, 0.05 * 2**self._pauses) * (0.5 + random.random() / 2)  # noqa: S311 - jitter
        self.until = now + (pause if retry_after is None else retry_after)
