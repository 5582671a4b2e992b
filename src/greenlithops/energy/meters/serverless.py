"""What a cloud function burns, from its memory setting: bounded estimates, computed by hand.

AWS gives a Lambda function CPU in proportion to its memory, one virtual CPU at 1,769 MB and six at
10,240 MB (AWS Lambda developer guide, "Configure Lambda function memory"). The watts are those of
Cloud Carbon Footprint (see `greenlithops.energy.meters.coefficients`). Two views are honest:

used
    ``(full - idle) * CPU seconds + idle * vCPUs * seconds``: what the function's own work drew,
    and its part of the idle server.
reserved
    ``full * vCPUs * seconds``: all that the memory setting reserved, as if it were busy; the
    boundary of the SCI specification of the Green Software Foundation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from greenlithops.energy.meters.coefficients import AVERAGES

if TYPE_CHECKING:
    from greenlithops.energy.meters.coefficients import Coefficients

LAMBDA_MB_PER_VCPU = 1769
LAMBDA_MAX_VCPUS = 6.0


@dataclass(frozen=True, slots=True)
class FunctionEstimate:
    """Joules of one invocation.

    Attributes:
        used: of the function's work and its part of the idle server.
        reserved: of all that the memory setting reserves.
        low: `used` is at least this.
        high: `used` is at most this.
        vcpus: the virtual CPUs of the memory setting.
    """

    used: float
    reserved: float
    low: float
    high: float
    vcpus: float


def lambda_vcpus(memory_mb: float) -> float:
    """Return the virtual CPUs of a Lambda function.

    Args:
        memory_mb: its memory setting in MB.
    """
    return min(memory_mb / LAMBDA_MB_PER_VCPU, LAMBDA_MAX_VCPUS)


def lambda_energy(
    memory_mb: float, seconds: float, cpu_seconds: float, watts: Coefficients | None = None
) -> FunctionEstimate:
    """Estimate what one invocation of a Lambda function burned.

    Args:
        memory_mb: its memory setting in MB.
        seconds: how long it ran.
        cpu_seconds: the CPU time that it used.
        watts: per virtual CPU; by default the average of AWS.

    Raises:
        ValueError: a figure is negative, or the memory is not positive.
    """
    if memory_mb <= 0 or seconds < 0 or cpu_seconds < 0:
        raise ValueError("memory must be positive, and times must not be negative")
    watts = watts or AVERAGES["AWS average"]
    vcpus = lambda_vcpus(memory_mb)
    idle = watts.idle * vcpus * seconds
    dynamic = (watts.full - watts.idle) * cpu_seconds
    return FunctionEstimate(
        used=idle + dynamic,
        reserved=watts.full * vcpus * seconds,
        low=idle + dynamic * watts.low,
        high=idle + dynamic * watts.high,
        vcpus=vcpus,
    )
