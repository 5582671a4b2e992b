"""Submitted calls, as jobs of many: one call has no job of its own, so that they travel together.

A job has its accounting, which takes as long as the rest of a short call: so calls that are made
one after the other share one, as long as that keeps no large results.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Protocol

from greenlithops.dispatch import plan
from greenlithops.dispatch.inputs import Input
from greenlithops.dispatch.options import working_directory
from greenlithops.dispatch.serialize import ClassBook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.dispatch.images import ImageCache
    from greenlithops.dispatch.options import Options
    from greenlithops.dispatch.serialize import FunctionImage
    from greenlithops.dispatch.tracker import Tracker

LINGER_SECONDS = 0.01  #: that a job of submitted calls waits for the next one
LINGERING_BYTES = 256 << 10  #: results that it may keep meanwhile
MOST_CALLS = 1000  #: of one job

Key = tuple[Any, ...]


class StartJob(Protocol):
    """Starts a job, as `Engine.start` does."""

    def __call__(
        self,
        function: Callable[..., Any],
        source: Input,
        bind: plan.Binder,
        options: Options,
        *,
        image: FunctionImage,
        book: ClassBook,
    ) -> Tracker:
        """Start it."""


class Groups:
    """The open jobs of submitted calls, one for each function and its options.

    Args:
        start: starts a job.
        images: the functions that were pickled before.
    """

    def __init__(self, start: StartJob, images: ImageCache) -> None:
        self._start = start
        self._images = images
        self._loop = asyncio.get_running_loop()
        self._open: dict[Key, Tracker] = {}
        self._lingering: dict[Tracker, tuple[Key, asyncio.TimerHandle]] = {}
        self._closed = False

    @property
    def idle(self) -> int:
        """How many jobs only wait for more calls."""
        return len(self._lingering)

    def submit(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Options,
    ) -> tuple[Tracker, int]:
        """Add one call; return the job that it shares with others, and its index there."""
        book = ClassBook(options.modules)
        image = self._images.image(function, book)
        key = (image.digest, options, working_directory())
        group = self._open.get(key)
        if group is None or not group.work.accepting(MOST_CALLS):
            source = Input(None, None, lazy=False)
            group = self._start(function, source, plan.passed_on, options, image=image, book=book)
            group.on_idle = lambda: self._no_call_left(key, group)
            self._open[key] = group
        return group, group.work.push(plan.call_arguments(args, kwargs))

    def end_idle(self) -> None:
        """End the jobs that only wait for more calls."""
        for group, (key, _) in list(self._lingering.items()):
            self._end_lingering(key, group)

    def close(self) -> None:
        """Let no job wait for more calls from now on."""
        self._closed = True
        self.end_idle()

    def _no_call_left(self, key: Key, group: Tracker) -> None:
        more = group.work.accepting(MOST_CALLS) and not self._closed
        if not more or group.work.ledger.bytes_out > LINGERING_BYTES:
            self._end(key, group)
        elif group not in self._lingering:
            timer = self._loop.call_later(LINGER_SECONDS, self._end_lingering, key, group)
            self._lingering[group] = (key, timer)

    def _end_lingering(self, key: Key, group: Tracker) -> None:
        self._lingering.pop(group)[1].cancel()
        if group.work.idle and not group.over:
            self._end(key, group)
            group.calls_ended([])

    def _end(self, key: Key, group: Tracker) -> None:
        group.work.input.end()
        if self._open.get(key) is group:
            del self._open[key]
