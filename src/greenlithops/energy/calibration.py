"""Idle and dynamic watts of a machine, from an external meter's log and the load of its CPUs.

``watts = idle + dynamic * busy CPUs``, by ordinary least squares over the meter's readings, each
paired with the mean load of the time since the reading before. It is refused where it would say
more than the data: too few readings, a load that hardly varied, or a line that explains little.
"""

from __future__ import annotations

import csv
import json
import os
from bisect import bisect_left, bisect_right
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from itertools import accumulate, pairwise
from math import sqrt
from pathlib import Path
from statistics import fmean, linear_regression
from typing import TYPE_CHECKING

from greenlithops.energy.kept import KeptIdle, machine_key
from greenlithops.errors import ConfigurationError, NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.energy.log import LogRecord
    from greenlithops.energy.trace import PowerSample

#: What says where the calibration of this machine is.
VARIABLE = "GREENLITHOPS_CALIBRATION"

LEAST_READINGS = 8
LEAST_R2 = 0.5  #: below it, load explains less than half of what the meter saw
WARN_R2 = 0.9
LEAST_RANGE = 0.25  #: of the CPUs: how far the load must have varied
_CONFIDENCE = 1.96  #: standard errors to either side that hold 95 % of a normal distribution
_TIMES = ("time", "timestamp", "date", "datetime", "epoch")
_WATTS = ("watts", "watt", "w", "power", "power_w", "apower")


@dataclass(frozen=True, slots=True)
class Reading:
    """What an external meter said: a moment in seconds since the epoch, and watts."""

    time: float
    watts: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """What was found.

    Attributes:
        idle_watts: of the machine at no load.
        dynamic_watts: that one busy CPU adds.
        idle_error: of `idle_watts`, half the width of its 95 % interval.
        dynamic_error: of `dynamic_watts`, likewise.
        r2: how much of the readings' variance the load explains, from 0 to 1.
        residual_watts: standard deviation of the readings about the line.
        readings: how many were used.
        cpus: the machine's.
        warnings: what its reader must know.
    """

    idle_watts: float
    dynamic_watts: float
    idle_error: float
    dynamic_error: float
    r2: float
    residual_watts: float
    readings: int
    cpus: int
    warnings: tuple[str, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.idle_watts:.2f} ± {self.idle_error:.2f} W idle, "
            f"{self.dynamic_watts:.2f} ± {self.dynamic_error:.2f} W for each busy CPU "
            f"(R² {self.r2:.3f}, {self.readings} readings, ± {self.residual_watts:.2f} W)"
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write it to a file that `load` reads."""
        text = json.dumps(asdict(self), indent=2) + "\n"
        Path(path).write_text(text, encoding="utf-8")


def load(path: str | os.PathLike[str]) -> Calibration:
    """Read what `Calibration.save` has written.

    Raises:
        ConfigurationError: it is not that.
        OSError: it cannot be read.
    """
    try:
        found = json.loads(Path(path).read_text(encoding="utf-8"))
        found["warnings"] = tuple(found["warnings"])
        return Calibration(**found)
    except (ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"{os.fspath(path)} is not a calibration: {error}") from error


def read_meter_csv(path: str | os.PathLike[str]) -> list[Reading]:
    """Read an external meter's log.

    The file is CSV with a header. A column called time, timestamp, date, datetime or epoch has ISO
    8601 moments (of UTC, where they say no zone) or seconds since the epoch; one called watts, w,
    power, power_w or apower has watts. Readings without a number are passed over.

    Raises:
        ConfigurationError: there are no such columns, or a moment cannot be read.
        OSError: the file cannot be read.
    """
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        rows = csv.DictReader(file)
        names = {name.strip().lower(): name for name in rows.fieldnames or () if name}
        moment = next((names[name] for name in _TIMES if name in names), None)
        watts = next((names[name] for name in _WATTS if name in names), None)
        if moment is None or watts is None:
            raise ConfigurationError(
                f"{os.fspath(path)} needs columns 'time' and 'watts'; it has "
                f"{', '.join(map(repr, rows.fieldnames or ())) or 'none'}"
            )
        found = []
        for row in rows:
            power = _number(row[watts])
            if power is not None:
                found.append(
                    Reading(_seconds(row[moment], f"{os.fspath(path)}:{rows.line_num}"), power)
                )
    return sorted(found, key=lambda reading: reading.time)


def calibrate(readings: Sequence[Reading], load: Sequence[LogRecord], *, cpus: int) -> Calibration:
    """Fit idle and dynamic watts.

    Args:
        readings: an external meter's, in order.
        load: what the CPUs did: the samples of ``greenlithops energy watch --json``, in order.
        cpus: hardware threads of the machine.

    Raises:
        NotEnoughEvidence: the data do not support an answer; the text says why, and what helps.
    """
    pairs = paired(readings, load)
    if len(pairs) < LEAST_READINGS:
        raise NotEnoughEvidence(
            f"{len(pairs)} of {len(readings)} readings lie within the log of the load; at least "
            f"{LEAST_READINGS} are needed: do the clocks of both agree?"
        )
    return fit(pairs, cpus=cpus)


def fit(pairs: Sequence[tuple[float, float]], *, cpus: int, follows: bool = True) -> Calibration:
    """Fit a line to busy CPUs and watts.

    Args:
        pairs: both, of at least `LEAST_READINGS` moments.
        cpus: hardware threads of the machine.
        follows: whether to refuse power that does not follow load.

    Raises:
        NotEnoughEvidence: the data do not support an answer; the text says why, and what helps.
    """
    if len(pairs) < LEAST_READINGS:
        raise NotEnoughEvidence(f"{len(pairs)} readings are not enough: {LEAST_READINGS} are")
    busy, watts = [b for b, _ in pairs], [w for _, w in pairs]
    span = (max(busy) - min(busy)) / cpus
    if span < LEAST_RANGE:
        raise NotEnoughEvidence(
            f"the load varied by {span:.0%} of the machine only: keep it idle for a while, and "
            "fully busy for another, while the meter logs"
        )
    slope, intercept = linear_regression(busy, watts)
    mean_busy, mean_watts = fmean(busy), fmean(watts)
    residual = sum((w - intercept - slope * b) ** 2 for b, w in pairs)
    total = sum((w - mean_watts) ** 2 for w in watts)
    r2 = 1 - residual / total if total else 0.0
    if follows and (slope <= 0 or intercept < 0 or r2 < LEAST_R2):
        raise NotEnoughEvidence(
            f"power does not follow load here ({intercept:.1f} W + {slope:.1f} W for each busy "
            f"CPU, R² {r2:.2f}): is it the same machine, with nothing else behind the meter?"
        )
    spread = sum((b - mean_busy) ** 2 for b in busy)
    deviation = sqrt(residual / (len(pairs) - 2))
    return Calibration(
        intercept,
        slope,
        _CONFIDENCE * deviation * sqrt(1 / len(pairs) + mean_busy**2 / spread),
        _CONFIDENCE * deviation / sqrt(spread),
        r2,
        deviation,
        len(pairs),
        cpus,
        tuple(_warnings(r2, min(busy) / cpus, max(busy) / cpus)),
    )


def measure_idle(samples: Sequence[PowerSample], totals: Sequence[str]) -> KeptIdle:
    """Find the idle watts of each domain: where its line over the load begins.

    Args:
        samples: the machine's power at loads from none to all.
        totals: the domains that add up to the machine.

    Raises:
        NotEnoughEvidence: power and load do not support an answer; the text says why.
    """
    cpus = os.cpu_count() or 1
    if any(sample.kind != "measured" for sample in samples):
        raise NotEnoughEvidence("there is no counter here: an estimate's idle watts are its own")
    whole = fit([(s.busy_cpus, sum(s.domains[d] for d in totals)) for s in samples], cpus=cpus)
    watts, errors = {}, {}
    for domain in samples[0].domains:
        pairs = [(s.busy_cpus, s.domains[domain]) for s in samples]
        # A domain alone may not follow the load, as memory; then all of its power is idle power.
        line = fit(pairs, cpus=cpus, follows=False)
        watts[domain], errors[domain] = max(0.0, line.idle_watts), line.idle_error
    return KeptIdle(
        watts,
        errors,
        samples[0].method.removeprefix("node:"),
        datetime.now(UTC).isoformat(timespec="seconds"),
        round(sum(sample.seconds for sample in samples), 1),
        whole.r2,
        cpus,
        machine_key(),
    )


def paired(readings: Sequence[Reading], load: Sequence[LogRecord]) -> list[tuple[float, float]]:
    """Return mean busy CPUs since the reading before, and watts, where the load is known."""
    samples = sorted((r for r in load if r.what == "sample"), key=lambda r: r.start)
    if not samples:
        return []
    starts = [sample.start for sample in samples]
    ends = [sample.end for sample in samples]
    sums = [0.0, *accumulate(sample.cpu_s for sample in samples)]

    def busy_until(moment: float) -> float:
        at = bisect_right(starts, moment) - 1
        sample = samples[at]
        within = min(1.0, (moment - sample.start) / sample.window_s) if sample.window_s else 1.0
        return sums[at] + within * sample.cpu_s

    found = []
    for before, reading in pairwise(readings):
        begin, end = before.time, reading.time
        covered = begin >= starts[0] and end <= ends[-1] and not _gap(starts, ends, begin, end)
        if end > begin and covered:
            mean = (busy_until(end) - busy_until(begin)) / (end - begin)
            found.append((mean, reading.watts))
    return found


def _gap(starts: Sequence[float], ends: Sequence[float], begin: float, end: float) -> bool:
    """Return whether more than a tenth of a span of time was not sampled."""
    low, high = bisect_right(starts, begin) - 1, bisect_left(starts, end)
    sampled = sum(min(ends[i], end) - max(starts[i], begin) for i in range(low, high))
    return sampled < 0.9 * (end - begin)


def _warnings(r2: float, least: float, most: float) -> list[str]:
    found = []
    if r2 < WARN_R2:
        found.append(f"R² is {r2:.2f}: load explains only part of the power")
    if least > 0.1:  # noqa: PLR2004 - a tenth of the machine is not idle
        found.append(f"the least load was {least:.0%}: the idle watts are extrapolated")
    if most < 0.9:  # noqa: PLR2004 - nine tenths are nearly all
        found.append(f"the highest load was {most:.0%}: watts at full load are extrapolated")
    return found


def _number(text: str | None) -> float | None:
    try:
        return float((text or "").strip().removesuffix("W").strip())
    except ValueError:
        return None


def _seconds(text: str | None, where: str) -> float:
    number = _number(text)
    if number is not None:
        return number
    try:
        moment = datetime.fromisoformat((text or "").strip())
    except ValueError as error:
        raise ConfigurationError(f"{where}: {text!r} is no moment") from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
