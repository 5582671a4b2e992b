"""The machine's power over time, in stretches of equal length: for plots and `watch`."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from greenlithops.energy.log import LogRecord
from greenlithops.energy.sharing import shared_sampler
from greenlithops.errors import EnergyError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Mapping, Sequence

    from greenlithops.energy.attribution import Interval
    from greenlithops.energy.sampler import EnergySampler
    from greenlithops.protocols import EnergyMeter

_NS = 1_000_000_000
MOST_SAMPLES = 10_000  #: that a trace keeps


@dataclass(frozen=True, slots=True)
class PowerSample:
    """What the machine did over a stretch of time.

    Attributes:
        start: when it began, in seconds since the epoch.
        seconds: how long it is.
        watts: mean power of the machine, as far as the meter counts it.
        idle_watts: what of it would have been burned anyway; None if that is not known.
        busy_cpus: CPUs that were busy, on average.
        domains: mean watts by domain of the meter.
        kind: ``measured`` or ``estimated``.
        method: the meter's name.
    """

    start: float
    seconds: float
    watts: float
    idle_watts: float | None
    busy_cpus: float
    kind: str
    method: str
    domains: Mapping[str, float] = field(default_factory=dict)

    def as_record(self) -> LogRecord:
        """Return it as a line for an energy log: of the whole machine."""
        idle = None if self.idle_watts is None else self.idle_watts * self.seconds
        joules = self.watts * self.seconds
        return LogRecord(
            "sample",
            "machine",
            self.start,
            self.seconds,
            self.busy_cpus * self.seconds,
            joules,
            None,
            None,
            self.kind,
            self.method,
            "machine",
            domains={name: watts * self.seconds for name, watts in self.domains.items()},
            idle_joules=idle,
            machine_joules=joules,
        )


async def power_samples(
    sampler: EnergySampler, interval: float
) -> AsyncGenerator[PowerSample, None]:
    """Give the machine's power, every `interval` seconds, for ever.

    Args:
        sampler: an open sampler.
        interval: seconds between two samples; the last may be cut short by closing the generator.

    Raises:
        UsageError: the interval is not positive.
        EnergyError: there is no meter, or it was lost.
    """
    if not interval > 0:
        raise UsageError(f"the interval must be more than 0 s, not {interval!r}")
    timeline, meter = sampler.timeline, sampler.selection.meter
    if timeline is None or meter is None:
        raise EnergyError(f"there is no energy meter: {sampler.failure}")
    window = sampler.open_window(observer=True)
    last = timeline.last_ns or 0
    epoch = time.time_ns() - time.monotonic_ns()
    due = time.monotonic() + interval
    try:
        while True:
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            due = max(due + interval, time.monotonic())  # what was missed is one longer stretch
            sampler.sample()
            if sampler.failure is not None:
                raise EnergyError(f"the energy meter was lost: {sampler.failure}")
            until = timeline.last_ns or last
            spans = timeline.between(last, until)
            if until > last and spans:
                yield _sample(spans, meter, epoch)
                last = until
                window.advance(last)
    finally:
        window.close()


def _sample(spans: Sequence[Interval], meter: EnergyMeter, epoch: int) -> PowerSample:
    totals = [i for i, name in enumerate(meter.domains) if name in meter.totals]
    start, end = spans[0].start_ns, spans[-1].end_ns
    seconds = (end - start) / _NS
    joules = [sum(span.joules[i] for span in spans) for i in range(len(meter.domains))]
    known = [span.idle for span in spans if span.idle is not None]
    idle = sum(row[i] for row in known for i in totals) if len(known) == len(spans) else None
    return PowerSample(
        (start + epoch) / _NS,
        seconds,
        sum(joules[i] for i in totals) / seconds,
        None if idle is None else idle / seconds,
        sum(span.busy_ns for span in spans) / _NS / seconds,
        meter.kind,
        meter.name,
        {name: value / seconds for name, value in zip(meter.domains, joules, strict=True)},
    )


def joined(a: PowerSample, b: PowerSample) -> PowerSample:
    """Return what two stretches were that follow each other."""
    seconds = a.seconds + b.seconds

    def mean(first: float, second: float) -> float:
        return (first * a.seconds + second * b.seconds) / seconds

    known = a.idle_watts is not None and b.idle_watts is not None
    return replace(
        a,
        seconds=seconds,
        watts=mean(a.watts, b.watts),
        idle_watts=mean(a.idle_watts or 0.0, b.idle_watts or 0.0) if known else None,
        busy_cpus=mean(a.busy_cpus, b.busy_cpus),
        domains={name: mean(watts, b.domains[name]) for name, watts in a.domains.items()},
    )


class PowerTrace:
    """Keeps the machine's power while a block runs: ``async with PowerTrace() as trace``.

    Args:
        interval: seconds between two samples.
        meter: as for `greenlithops.energy.select_meter`.

    Attributes:
        samples: what was seen so far. Of a long trace, the older half is put together two by two
            whenever there are 10,000, so that it costs resolution and not memory.
    """

    def __init__(self, interval: float = 0.1, meter: str = "auto") -> None:
        self.samples: list[PowerSample] = []
        self._interval = interval
        self._meter = meter
        self._stack = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        sampler = await self._stack.enter_async_context(shared_sampler(self._meter))
        self._task = asyncio.create_task(self._keep(sampler), name="power trace")
        return self

    async def _keep(self, sampler: EnergySampler) -> None:
        async for sample in power_samples(sampler, self._interval):
            self.samples.append(sample)
            if len(self.samples) > MOST_SAMPLES:
                half = len(self.samples) // 4 * 2
                old = self.samples[:half]
                self.samples[:half] = map(joined, old[::2], old[1::2])

    async def __aexit__(self, *_: object) -> None:
        task = self._task
        assert task is not None  # noqa: S101 - it was entered
        try:
            if not task.done():
                task.cancel()
            done = await asyncio.gather(task, return_exceptions=True)
        finally:
            await self._stack.aclose()
        if isinstance(done[0], EnergyError):
            raise done[0]
