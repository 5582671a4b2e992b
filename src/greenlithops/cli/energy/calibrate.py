"""`greenlithops energy calibrate`: exercise the machine for a meter to see, and fit what it saw."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import subprocess
import sys
from contextlib import aclosing, closing
from dataclasses import asdict
from typing import TYPE_CHECKING

from greenlithops.cli.failing import say
from greenlithops.energy.calibration import calibrate, measure_idle, read_meter_csv
from greenlithops.energy.kept import keep_idle
from greenlithops.energy.log import EnergyLog, read_logs
from greenlithops.energy.meters import select_meter
from greenlithops.energy.sharing import shared_sampler
from greenlithops.energy.trace import power_samples
from greenlithops.errors import NotEnoughEvidence, UsageError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from greenlithops.energy.trace import PowerSample

_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)  #: of the CPUs
_SPIN = "while True: pass"


def run(
    readings: Path | None,
    load: Path | None,
    exercise: Path | None,
    seconds: float,
    save: Path | None,
    *,
    idle: bool,
    meter: str,
    json: bool,
) -> None:
    """Exercise or fit, as the options say."""
    if (exercise is not None or idle) and seconds <= 0:
        raise UsageError(f"--seconds must be positive, not {seconds:g}")
    if idle:
        if readings is not None or load is not None or exercise is not None or save is not None:
            raise UsageError("--idle goes alone: it reads this machine's own counters")
        _keep_idle(seconds, meter, json=json)
        return
    if exercise is not None:
        if readings is not None or load is not None or save is not None:
            raise UsageError("--exercise goes alone; fit when the meter's log is there")
        log = EnergyLog(exercise)

        async def keep(sample: PowerSample) -> None:
            await log.append_async(sample.as_record())

        asyncio.run(_exercise(keep, seconds, "auto"))
        return
    if readings is None or load is None:
        raise UsageError("give the meter's log and --load, or --exercise to make the latter")
    found = calibrate(read_meter_csv(readings), read_logs([load]), cpus=os.cpu_count() or 1)
    for warning in found.warnings:
        say(f"warning: {warning}")
    if save is not None:
        found.save(save)
    sys.stdout.write((json_module.dumps(asdict(found), indent=2) if json else str(found)) + "\n")


def _keep_idle(seconds: float, meter: str, *, json: bool) -> None:
    """Find the idle watts that this machine's counters show, and keep them for later programs."""
    with closing(select_meter(meter.partition("+")[0])) as selection:
        if selection.meter is None or selection.meter.kind != "measured":
            name = selection.meter.name if selection.meter else "none"
            raise NotEnoughEvidence(
                f"there is no counter here (meter: {name}), and estimates know their idle watts: "
                "see `greenlithops energy probe`"
            )
        totals = selection.meter.totals
    samples: list[PowerSample] = []

    async def keep(sample: PowerSample) -> None:
        samples.append(sample)

    asyncio.run(_exercise(keep, seconds, meter))
    found = measure_idle(samples, totals)
    place = keep_idle(found)
    if json:
        sys.stdout.write(json_module.dumps(found._asdict() | {"file": str(place)}, indent=2) + "\n")
        return
    for domain, watts in found.watts.items():
        sys.stdout.write(f"{domain} {watts:.2f} ± {found.errors[domain]:.2f} W idle\n")
    sys.stdout.write(f"{found}, R² {found.r2:.3f}; kept in {place}\n")


async def _exercise(
    keep: Callable[[PowerSample], Awaitable[None]], seconds: float, meter: str
) -> None:
    """Keep more and more CPUs busy, and hand on what they did, ten times a step at least."""
    cpus = os.cpu_count() or 1
    counts = list(dict.fromkeys(round(step * cpus) for step in _STEPS))
    logging = asyncio.create_task(_log(keep, min(1.0, seconds / 10), meter))
    try:
        for count in (*counts, 0):
            say(f"{count} of {cpus} CPUs busy for {seconds:g} s")
            spinning = [subprocess.Popen([sys.executable, "-c", _SPIN]) for _ in range(count)]  # noqa: ASYNC220 - a millisecond each, a few times a minute
            try:
                done, _ = await asyncio.wait([logging], timeout=seconds)
            finally:
                _end(spinning)
            if done:
                break
    finally:
        logging.cancel()
        ended = await asyncio.gather(logging, return_exceptions=True)
    if isinstance(ended[0], Exception):
        raise ended[0]


async def _log(keep: Callable[[PowerSample], Awaitable[None]], interval: float, meter: str) -> None:
    async with (
        shared_sampler(meter) as sampler,
        aclosing(power_samples(sampler, interval)) as samples,
    ):
        async for sample in samples:
            await keep(sample)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
