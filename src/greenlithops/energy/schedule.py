"""When to start: at the time of lowest carbon intensity that still lets the work end in time."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING

from greenlithops.errors import ConfigurationError, IntensityUnavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.energy.live import IntensityPeriod, IntensitySource


#: seconds that a source's answer is waited for at most
PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class Start:
    """When work should begin, and why.

    Attributes:
        at: the moment.
        grams_per_kwh: the mean intensity over the work then.
        grams_per_kwh_now: the mean intensity if it began at once.
    """

    at: datetime
    grams_per_kwh: float
    grams_per_kwh_now: float

    @property
    def saving(self) -> float:
        """The part of the emissions that waiting saves, from 0 to 1."""
        now = self.grams_per_kwh_now
        return 1 - self.grams_per_kwh / now if now else 0.0


def best_start(
    forecast: Sequence[IntensityPeriod], now: datetime, *, seconds: float, deadline: float
) -> Start:
    """Return when to start so that the work emits least and still ends in time. Pure.

    The mean intensity over a span that slides along steps is linear between the moments at which
    one of its ends meets a step, so its minimum is at such a moment; of equal ones the earliest.

    Args:
        forecast: the expected periods, in order, without gaps.
        now: the present moment.
        seconds: how long the work takes.
        deadline: seconds from now by which it must have ended.

    Raises:
        ConfigurationError: the work cannot end in time however soon it starts, or a time is no
            number of seconds.
        IntensityUnavailable: the forecast does not cover the work even if it begins at once.
    """
    _check(seconds, deadline)
    length = timedelta(seconds=seconds)
    latest = min(now + timedelta(seconds=deadline), forecast[-1].end) - length if forecast else now
    if not forecast or forecast[0].start > now or latest < now:
        raise IntensityUnavailable("the forecast does not cover the work")
    steps = [moment for period in forecast for moment in (period.start, period.end)]
    moments = {now, latest, *steps, *(step - length for step in steps)}
    means = [
        (_mean(forecast, moment, length), moment)
        for moment in sorted(moments)
        if now <= moment <= latest
    ]
    grams, at = min(means, key=lambda found: (round(found[0], 6), found[1]))
    return Start(at, grams, means[0][0])


def _check(seconds: float, deadline: float) -> None:
    if not (0 < seconds <= deadline < inf):
        raise ConfigurationError(
            f"work of {seconds:g} s cannot end within {deadline:g} s: give a later deadline, and "
            "both in seconds"
        )


def _mean(forecast: Sequence[IntensityPeriod], start: datetime, length: timedelta) -> float:
    end = start + length
    total = sum(
        period.grams_per_kwh * (min(end, period.end) - max(start, period.start)).total_seconds()
        for period in forecast
        if period.start < end and period.end > start
    )
    return total / length.total_seconds()


async def wait_for_low_carbon(
    source: IntensitySource, *, seconds: float, deadline: float
) -> Start | None:
    """Wait until the work should start; return at once if it should start now.

    Args:
        source: what knows the forecast.
        seconds: how long the work takes; better too long than too short.
        deadline: seconds from now by which it must have ended.

    Returns:
        Why it starts when it does; None if the source was not available within `PATIENCE` seconds:
        then it starts at once, since a job must not hang on somebody else's server.

    Raises:
        ConfigurationError: the work cannot end in time however soon it starts.
    """
    asked = time.monotonic()
    try:
        async with asyncio.timeout(PATIENCE):
            forecast = await source.forecast()
        if deadline >= seconds:  # a slow answer does not make it too late, only later
            deadline = max(seconds, deadline - (time.monotonic() - asked))
        start = best_start(forecast, datetime.now(UTC), seconds=seconds, deadline=deadline)
    except (IntensityUnavailable, OSError):  # of which TimeoutError is one
        _check(seconds, deadline)
        return None
    await asyncio.sleep(max(0.0, (start.at - datetime.now(UTC)).total_seconds()))
    return start
