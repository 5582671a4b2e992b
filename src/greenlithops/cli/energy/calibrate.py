"""`greenlithops energy calibrate`: exercise the machine for a meter to see, and fit what it saw."""

from __future__ import annotations

import asyncio
import json as json_module
import os
import subprocess
import sys
from contextlib import aclosing
from dataclasses import asdict
from typing import TYPE_CHECKING

from greenlithops.cli.failing import say
from greenlithops.energy.calibration import calibrate, read_meter_csv
from greenlithops.energy.log import EnergyLog, read_logs
from greenlithops.energy.sampler import shared_sampler
from greenlithops.energy.trace import power_samples
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)  #: of the CPUs
_SPIN = "while True: pass"


def run(
    readings: Path | None,
    load: Path | None,
    exercise: Path | None,
    seconds: float,
    save: Path | None,
    *,
    json: bool,
) -> None:
    """Exercise or fit, as the options say."""
    if exercise is not None:
        if readings is not None or load is not None or save is not None:
            raise UsageError("--exercise goes alone; fit when the meter's log is there")
        if seconds <= 0:
            raise UsageError(f"--seconds must be positive, not {seconds:g}")
        asyncio.run(_exercise(exercise, seconds))
        return
    if readings is None or load is None:
        raise UsageError("give the meter's log and --load, or --exercise to make the latter")
    found = calibrate(read_meter_csv(readings), read_logs([load]), cpus=os.cpu_count() or 1)
    for warning in found.warnings:
        say(f"warning: {warning}")
    if save is not None:
        found.save(save)
    sys.stdout.write((json_module.dumps(asdict(found), indent=2) if json else str(found)) + "\n")


async def _exercise(path: Path, seconds: float) -> None:
    """Keep more and more CPUs busy, and log what they did."""
    log, cpus = EnergyLog(path), os.cpu_count() or 1
    counts = list(dict.fromkeys(round(step * cpus) for step in _STEPS))
    logging = asyncio.create_task(_log(log))
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


async def _log(log: EnergyLog) -> None:
    async with shared_sampler() as sampler, aclosing(power_samples(sampler, 1.0)) as samples:
        async for sample in samples:
            await log.append_async(sample.as_record())


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
