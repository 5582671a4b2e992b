"""Reads the machine's meter on a timer; `sharing` has one sampler for each event loop.

    async with EnergySampler(select_meter()) as sampler:
        window = sampler.open_window()           # from now on the timeline is kept for its calls
        window.add(starts, ends, cpu)            # finished calls, in nanoseconds
        window.advance(oldest_running_start)     # what is older may be forgotten; None: none runs
        print(window.call(0), window.report())
        window.close()

The timer is a callback of the loop, not a task: reading takes tens of microseconds and waits for
nothing, so there is nothing to await and nothing to cancel but the next call.
"""

from __future__ import annotations

import asyncio
import os
import time
from typing import TYPE_CHECKING, Self

from greenlithops.energy.carbon import carbon_intensity
from greenlithops.energy.cpu_time.sources import open_cpu_sources
from greenlithops.energy.opening import open_publisher
from greenlithops.energy.timeline import Timeline
from greenlithops.energy.window import EnergyWindow
from greenlithops.errors import ExecutorClosed
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from greenlithops.energy.carbon import CarbonIntensity
    from greenlithops.energy.cpu_time.machine import CpuClock
    from greenlithops.energy.cpu_time.sources import CpuSources
    from greenlithops.energy.cpu_time.trees import TreeSource
    from greenlithops.energy.kept import KeptIdle
    from greenlithops.energy.meters import Selection
    from greenlithops.energy.meters.node import Publisher


_MARK_SPACING_NS = 1_000_000  # the counters themselves step about once a millisecond
_MOMENT_NS, _LOOKS = 2_000_000, 3
_UPKEEP_NS = 80_000_000  # what can wait is done ten times a second, however often is sampled
_TOLD_NS = 50_000_000  # other processes do not ask for samples more often than they are told


class EnergySampler:
    """Keeps the machine's energy timeline while its users need it.

    Args:
        selection: the meter, from `select_meter`; it is closed with the sampler.
        interval: seconds between two samples while calls run.
        idle_interval: seconds between two samples while none runs.
        clock: the machine's busy CPU time; by default that of `cpu_choice`.
        cpu_choice: who tells whose CPU time it was, as for `open_cpu_sources`.
        cpus: hardware threads of the machine.
        publish: whether to tell the samples to processes of the node that may not read the meter.
        idle_watts: the machine's idle power if you know it, or what `kept_idle` has found; by
            default it is learnt.
        intensity: the electricity's carbon; by default `carbon_intensity()`.
        pue: power usage effectiveness of the site.
    """

    def __init__(
        self,
        selection: Selection,
        *,
        interval: float = 0.1,
        idle_interval: float = 1.0,
        clock: CpuClock | None = None,
        cpu_choice: str = "auto",
        cpus: int | None = None,
        publish: bool = False,
        idle_watts: float | KeptIdle | None = None,
        intensity: CarbonIntensity | None = None,
        pue: float = 1.0,
    ) -> None:
        self.selection = selection
        self.intensity = intensity
        self.pue = pue
        #: Why there are no figures (any more), or None.
        self.failure = selection.reason
        self.timeline: Timeline | None = None
        #: Where CPU times come from, once the sampler is entered with a meter.
        self.cpu_sources: CpuSources | None = None
        self._cpu_choice = cpu_choice
        self._clock = clock
        self._publish = publish
        self._prepared = False
        self._publisher: Publisher | None = None
        self._told_ns = 0
        self._idle = idle_watts
        self._windows: set[EnergyWindow] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._delay = 0.0
        self._upkept_ns = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        meter = selection.meter
        if meter is not None:
            self.timeline = Timeline(meter, cpus or os.cpu_count() or 1, idle_watts=idle_watts)
            self._delays = (
                min(interval, meter.max_interval),
                min(max(interval, idle_interval), meter.max_interval),
            )

    @property
    def cpu_source(self) -> str | None:
        """Where the machine's CPU time comes from, or None before the sampler is entered."""
        return self._clock.name if self._clock else None

    @property
    def trees(self) -> TreeSource | None:
        """Who counts the CPU time of workers and of what their calls start, if anybody does."""
        return self.cpu_sources.trees if self.cpu_sources else None

    async def __aenter__(self) -> Self:
        if self.timeline is not None:
            if not self._prepared:
                await off_loop(self.prepare, discard=lambda _: self.close())
            self._loop = asyncio.get_running_loop()
            self.sample()
            self._schedule()
        return self

    def prepare(self) -> None:
        """Open what is needed beside the meter; entering does it in a thread, if it is not done."""
        self._prepared = True
        if self.timeline is None:
            return
        try:
            if self.intensity is None:
                self.intensity = carbon_intensity()
            if self._clock is None:
                self.cpu_sources = open_cpu_sources(self._cpu_choice)
                self._clock = self.cpu_sources.clock
            if self._publish:
                self._publisher = open_publisher(self.selection, self._idle)
        except BaseException:
            self.close()
            raise

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more samples, and let go of the meter and of what was opened beside it."""
        for window in list(self._windows):
            window.close()
        self._stop("the sampler has been closed")
        self.selection.close()
        if self._publisher is not None:
            self._publisher.close()
            self._publisher = None
        if self.cpu_sources is not None:
            self.cpu_sources.close()
        elif self._clock is not None:
            self._clock.close()

    def mark(self) -> None:
        """Take a sample now, unless one has been taken within the last millisecond."""
        last = self.timeline.last_ns if self.timeline else None
        if last is None or time.monotonic_ns() - last >= _MARK_SPACING_NS:
            self.sample()

    def sample(self) -> None:
        """Take a sample now."""
        if self._loop is None or self.timeline is None or self._clock is None:
            return
        try:
            now, joules, busy = self._look(self._clock)
            self.timeline.append(now, joules, busy)
        except OSError as error:
            self._stop(str(error))
            return
        if self._publisher is not None and now - self._told_ns >= _TOLD_NS:
            self._told_ns = now
            self._publisher.tell(now, joules)

    def _look(self, clock: CpuClock) -> tuple[int, Mapping[str, float], int]:
        """Return the time, the counters and the machine's CPU time, of one moment.

        Where others are given the processor in between, they are of several: then once more.
        """
        meter = self.selection.meter
        assert meter is not None  # noqa: S101 - there is a timeline, hence a meter
        for _ in range(_LOOKS):
            begin = time.monotonic_ns()
            joules = meter.read()
            now, busy = time.monotonic_ns(), clock.read()
            if time.monotonic_ns() - begin < _MOMENT_NS:
                break
        return now, joules, busy

    def open_window(
        self,
        parent: EnergyWindow | None = None,
        *,
        running: bool = True,
        observer: bool = False,
    ) -> EnergyWindow:
        """Begin to keep the timeline, and return what is to be told of the calls.

        Args:
            parent: a window that the calls of this one count in too (an executor's, for a job's).
                Calls are added to one window only, lest their energy be given twice.
            running: whether calls begin now. False for a window that is only a parent: it has none
                of its own, so nothing need be kept for them.
            observer: its calls contain calls of other windows, or are contained in them: each is
                given its share of the machine's energy, whatever others were given.
        """
        if self._loop is None and self.timeline is not None and self.failure is None:
            raise ExecutorClosed("The energy sampler is not open: use it in `async with`.")
        self.mark()
        window = EnergyWindow(self, parent, running=running, observer=observer)
        self._windows.add(window)
        self._schedule()
        return window

    def discard(self, window: EnergyWindow) -> None:
        """Forget a window that is closed; windows call this."""
        self._windows.discard(window)

    def refresh(self) -> None:
        """Adapt the timer to whether calls run; windows call this when that has changed."""
        self._schedule()

    def _schedule(self) -> None:
        if self._loop is None:
            return
        delay = self._delays[not any(window.running for window in self._windows)]
        if self._publisher is not None:
            delay = min(delay, self._publisher.interval())
        if self._timer is not None:
            self._timer.cancel()
        self._delay = delay
        self._timer = self._loop.call_later(delay, self._tick)

    def _tick(self) -> None:
        self.sample()
        if self._loop is None or self.timeline is None:  # the meter was lost
            return
        last = self.timeline.last_ns or 0
        if last - self._upkept_ns < _UPKEEP_NS and not self.timeline.crowded:
            self._timer = self._loop.call_later(self._delay, self._tick)
            return
        self._upkept_ns = last
        self._keep_up(self.timeline, last)
        self._schedule()

    def _keep_up(self, timeline: Timeline, last_ns: int) -> None:
        """Attribute what has ended, and forget or merge what nobody needs in full any more."""
        for window in self._windows:
            window.catch_up()
        marks = [window.keep_from_ns for window in self._windows]
        timeline.prune(min((mark for mark in marks if mark is not None), default=last_ns))
        if timeline.crowded:
            timeline.condense()

    def _stop(self, reason: str) -> None:
        """Take no more samples; what has been sampled stays."""
        self.failure = self.failure or reason
        self._loop = None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
