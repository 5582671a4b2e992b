"""This machine's own idle and dynamic watts, as `greenlithops energy calibrate` has found them.

``GREENLITHOPS_CALIBRATION`` says in which file. It is still an estimate, from busy CPU time, but of
this machine at its plug rather than of its processor's family; its bounds are those of the fit.
"""

from __future__ import annotations

import os

from greenlithops.energy.calibration import VARIABLE, load
from greenlithops.energy.cpu_time.machine import open_cpu_clock
from greenlithops.energy.meters import MeterRefused
from greenlithops.energy.meters.coefficients import Coefficients
from greenlithops.energy.meters.model import ModelMeter
from greenlithops.errors import ConfigurationError


class CalibratedMeter(ModelMeter):
    """Computes joules from busy CPU time, with the watts of a calibration."""

    name = "calibrated"


def open_meter(path: str | None = None) -> CalibratedMeter:
    """Open the calibration of this machine.

    Args:
        path: the file; by default what ``GREENLITHOPS_CALIBRATION`` says.

    Raises:
        MeterRefused: there is none, it is of another machine, or CPU time cannot be read.
    """
    place = path or os.environ.get(VARIABLE)
    if not place:
        raise MeterRefused(f"{VARIABLE} names no file of `greenlithops energy calibrate --save`")
    cpus = os.cpu_count() or 1
    try:
        found = load(place)
        clock = open_cpu_clock()
    except (OSError, ImportError, ConfigurationError) as error:
        raise MeterRefused(str(error)) from error
    if found.cpus != cpus:
        clock.close()
        raise MeterRefused(f"{place} is of a machine with {found.cpus} CPUs, and here are {cpus}")
    error_share = found.dynamic_error / found.dynamic_watts
    idle = found.idle_watts / cpus
    watts = Coefficients(
        f"this machine, against a meter (R² {found.r2:.2f})",
        idle,
        idle + found.dynamic_watts,
        float("inf"),  # the machine's memory is in the meter's readings
        low=max(0.0, 1 - error_share),
        high=1 + error_share,
    )
    return CalibratedMeter(watts, clock, vcpus=cpus)
