"""The fallback where no counter can be read: joules from busy CPU time and published coefficients.

``watts = vCPUs * idle + (full - idle) * busy vCPUs + 0.392 * extra GB``, with the coefficients of
`greenlithops.energy.meters.coefficients`. It is an estimate, always with bounds, of the part of the
whole server that these vCPUs are, never the TDP of a socket given to one function.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from greenlithops.energy.cpu_time.machine import open_cpu_clock
from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.coefficients import MEMORY_WATTS_PER_GB, coefficients
from greenlithops.energy.meters.serverless import lambda_vcpus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from greenlithops.energy.cpu_time.machine import CpuClock
    from greenlithops.energy.meters.coefficients import Coefficients

_SECONDS = 1e-9


class ModelMeter:
    """Computes joules from the machine's busy CPU time.

    Args:
        coefficients: watts per vCPU.
        clock: the machine's busy CPU time; closed with the meter.
        vcpus: hardware threads of this machine; of a cloud function, what its memory buys.
        memory_gb: its memory.
        chips: its sockets.
    """

    name = "model"
    kind = "estimated"
    domains = ("machine",)
    totals = ("machine",)
    max_interval = float("inf")

    def __init__(
        self,
        coefficients: Coefficients,
        clock: CpuClock,
        *,
        vcpus: float,
        memory_gb: float = 0.0,
        chips: int = 1,
    ) -> None:
        extra_gb = max(0.0, memory_gb - coefficients.gb_per_chip * chips)
        self._idle = coefficients.idle * vcpus + MEMORY_WATTS_PER_GB * extra_gb
        self._dynamic = coefficients.full - coefficients.idle
        self._clock = clock
        self._start = time.monotonic_ns()
        self._busy = clock.read()
        self.coefficients = coefficients
        self.bounds = (coefficients.low, coefficients.high)
        self.idle_watts: Mapping[str, float] | None = {"machine": self._idle}
        self.update_period = 0.0  # it is computed anew at every reading
        self.notes: tuple[str, ...] = (f"coefficients: {coefficients.name}",)

    def read(self) -> Mapping[str, float]:
        """Return joules since the meter was made."""
        busy = (self._clock.read() - self._busy) * _SECONDS
        elapsed = (time.monotonic_ns() - self._start) * _SECONDS
        return {"machine": self._idle * elapsed + self._dynamic * busy}

    def close(self) -> None:
        """Close the clock."""
        self._clock.close()


def open_meter(cpuinfo: str = "/proc/cpuinfo", dmi: str = "/sys/class/dmi/id") -> ModelMeter:
    """Make the model of this machine.

    Raises:
        MeterRefused: the machine's busy CPU time cannot be read.
    """
    try:
        clock = open_cpu_clock()
    except (OSError, ImportError) as error:
        raise MeterRefused(f"the machine's CPU time cannot be read: {error}") from error
    text = _read(cpuinfo)
    sockets = {line for line in text.splitlines() if line.startswith("physical id")}
    try:
        memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    except (ValueError, OSError):  # not known here: none is added
        memory = 0.0
    function = os.environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if function.isdigit():  # its guest shows two CPUs or more, and none of them is its own
        share = lambda_vcpus(int(function))
        return ModelMeter(coefficients(text, "amazon"), clock, vcpus=share)
    return ModelMeter(
        coefficients(text, _read(f"{dmi}/sys_vendor")),
        clock,
        vcpus=os.cpu_count() or 1,
        memory_gb=memory,
        chips=len(sockets) or 1,
    )


def _read(path: str) -> str:
    try:
        with open(path, errors="replace") as file:  # noqa: PTH123 - pathlib is slow to import
            return file.read()
    except OSError:
        return ""
