"""Waiting, on the loop, for calls of any jobs, whether they were made already or not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from greenlithops.job import Future
from greenlithops.models import CallState
from greenlithops.sync.below import tracker_of
from greenlithops.sync.chain import Chain, Deferred

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.sync.chain import Call


class _Group:
    """The calls of one job that are waited for."""

    def __init__(self, source: Tracker | Chain) -> None:
        self.source = source
        self.pending: list[Future[Any] | Deferred] = []
        self._size = 0
        self.ended = 0
        self.failed = False
        self._whole = False

    def add(self, call: Future[Any] | Deferred) -> None:
        self.pending.append(call)

    def begin(self) -> None:
        """Take note of what has ended before."""
        self._size = len(self.pending)
        if not isinstance(self.source, Chain):
            # Of a whole job, the counts tell what otherwise every call would be asked for.
            total = self.source.progress().total
            self._whole = (
                total is not None
                and len({call.index for call in self.pending}) == total == self._size
            )
        self.look()

    def look(self) -> None:
        """Take note of what has ended since the last look."""
        if self._whole and not isinstance(self.source, Chain):
            progress = self.source.progress()
            self.ended = progress.finished
            self.failed = bool(progress.failed)
            if self.ended == self._size:
                self.pending = []
            return
        ended = [call for call in self.pending if call.done()]
        if ended:
            self.failed = self.failed or any(call.state is CallState.FAILED for call in ended)
            self.ended += len(ended)
            self.pending = [call for call in self.pending if not call.done()]


class _Watch:
    """How far the calls are that are waited for."""

    def __init__(self, calls: Sequence[Call]) -> None:
        groups: dict[Tracker | Chain, _Group] = {}
        self._before = 0  #: calls that ended elsewhere
        self._before_failed = False
        for call in calls:
            if isinstance(call, Future):
                source: Tracker | Chain = tracker_of(call)
            elif isinstance(call, Deferred):
                source = call.chain
            else:
                self._before += 1
                self._before_failed |= call.state is CallState.FAILED
                continue
            group = groups.get(source)
            if group is None:
                group = groups[source] = _Group(source)
            group.add(call)
        self._groups = list(groups.values())
        for group in self._groups:
            group.begin()

    @property
    def ended(self) -> int:
        return self._before + sum(group.ended for group in self._groups)

    @property
    def failed(self) -> bool:
        return self._before_failed or any(group.failed for group in self._groups)

    async def news(self) -> None:
        """Wait until something has ended, and look at what."""
        open_groups = [group for group in self._groups if group.pending]
        if len(open_groups) == 1:
            await open_groups[0].source.news()
        else:
            changes = [group.source.news() for group in open_groups]
            await asyncio.wait(changes, return_when=asyncio.FIRST_COMPLETED)
        for group in open_groups:
            group.look()


async def settle(
    calls: Sequence[Call],
    wanted: int,
    timeout: float | None,  # noqa: ASYNC109 - part of a blocking function's arguments
    tell: Callable[[int], object] | None = None,
    *,
    or_error: bool = False,
) -> bool:
    """Wait until `wanted` of the calls have ended; return whether that was in time.

    Cancelled, it cancels the calls.

    Args:
        calls: what to wait for.
        wanted: how many of them have to end.
        timeout: seconds to wait at most.
        tell: is told how many have ended, whenever that changes.
        or_error: return as soon as one of the calls has failed.
    """
    try:
        watch = _Watch(calls)
        async with asyncio.timeout(timeout):
            while watch.ended < wanted and not (or_error and watch.failed):
                await watch.news()
                if tell is not None:
                    tell(watch.ended)
    except TimeoutError:
        return False
    except asyncio.CancelledError:
        cancel(calls)
        raise
    return True


def cancel(calls: Sequence[Call]) -> int:
    """Cancel calls, on the loop; return how many had not ended."""
    trackers: dict[Tracker, list[int]] = {}
    count = 0
    for call in calls:
        if call.done():
            continue
        count += 1
        if isinstance(call, Future):
            trackers.setdefault(tracker_of(call), []).append(call.index)
        else:
            call.cancel()
    for tracker, indices in trackers.items():
        tracker.cancel(indices)
    return count
