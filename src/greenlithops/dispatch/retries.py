"""Calls that failed and will run again: how often each has run, and who waits for the next time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.intake import Entry
    from greenlithops.dispatch.ledger import Ledger
    from greenlithops.dispatch.retry import RetryPolicy

MAX_DEATHS = 3  #: workers that may end before they begin with a call that they were given


class Retries:
    """The retries of one job.

    Args:
        policy: when a call is tried again.
        ledger: where attempts are counted.
    """

    def __init__(self, policy: RetryPolicy, ledger: Ledger) -> None:
        self._policy = policy
        self._ledger = ledger
        self._delayed: dict[int, asyncio.TimerHandle] = {}
        self._deaths: dict[int, int] = {}

    def wanted(self, index: int, error: Exception) -> bool:
        """Return whether a call that failed with `error` shall run once more, and count that."""
        ledger, policy = self._ledger, self._policy
        attempt = ledger.attempts.get(index, 1)
        try:
            if not policy.wants(error, attempt):
                return False
        except Exception as failure:  # noqa: BLE001 - the user's filter may raise anything
            error.add_note(f"\nIt was not retried, since the filter for retries raised {failure!r}")
            return False
        if policy.budget is not None and ledger.retried >= policy.budget:
            return False
        ledger.attempts[index] = attempt + 1
        ledger.retried += 1
        return True

    def delay(self, entry: Entry, come_back: Callable[[Entry], None]) -> None:
        """Have `come_back` take a call when it has waited as long as the policy says."""
        index = entry[0]
        seconds = self._policy.wait(self._ledger.attempts[index] - 1)
        loop = asyncio.get_running_loop()
        self._delayed[index] = loop.call_later(seconds, self._over, entry, come_back)

    def _over(self, entry: Entry, come_back: Callable[[Entry], None]) -> None:
        del self._delayed[entry[0]]
        come_back(entry)

    def forget(self, index: int) -> None:
        """Let a call not come back."""
        if timer := self._delayed.pop(index, None):
            timer.cancel()

    def forget_all(self) -> None:
        """Let no call come back."""
        for timer in self._delayed.values():
            timer.cancel()
        self._delayed.clear()

    def bereft(self, index: int) -> bool:
        """Return whether a call's workers have ended too often before they could begin with it."""
        self._deaths[index] = self._deaths.get(index, 0) + 1
        return self._deaths[index] >= MAX_DEATHS
