"""Which calls of a job went to the meter of energy, and in which order."""

from __future__ import annotations

from array import array
from operator import add
from typing import TYPE_CHECKING, cast

from greenlithops.worker.calls import LONG_NS
from greenlithops.worker.journal import FIELDS

if TYPE_CHECKING:
    from greenlithops.dispatch.batch import Batch, Outcomes
    from greenlithops.energy.service import ServiceWindow
    from greenlithops.energy.window import EnergyWindow


class Metering:
    """Tells a window of the meter what calls have taken.

    Args:
        window: of this machine, or of a service; None: energy is off.

    Attributes:
        indices: of the calls, in the order in which the window has their energy.
    """

    def __init__(self, window: EnergyWindow | ServiceWindow | None) -> None:
        self.window = window
        self.indices = array("q")

    def add(self, batch: Batch, outcomes: Outcomes) -> None:
        """Take note of calls that have ended."""
        if self.window is None:
            return
        times = outcomes.times
        starts, beside = times[0::FIELDS], times[4::FIELDS]
        ends = array("q", map(add, starts, times[1::FIELDS]))
        if max(beside) > LONG_NS:
            sent = int(batch.sent * 1e9)
            both = zip(starts, beside, strict=True)
            starts = array("q", (_begin(start, extra, sent) for start, extra in both))
        if outcomes.told is None:
            self.window.add(starts, ends, times[2::FIELDS])
        else:  # only services tell, and theirs is the window of a service
            cast("ServiceWindow", self.window).add(starts, ends, times[2::FIELDS], outcomes.told)
        self.indices.extend(batch.indices[position] for position in outcomes.positions)

    def add_one(self, index: int, times: array[int]) -> None:
        """Take note of a call that was stopped."""
        if self.window is None:
            return
        start, wall, cpu = times[:3]
        self.window.add(array("q", [start]), array("q", [start + wall]), array("q", [cpu]))
        self.indices.append(index)


def _begin(start: int, beside: int, sent: int) -> int:
    """Return since when a call's CPU time counts: with unpickling and pickling if they took long.

    Args:
        start: when its function began (monotonic ns).
        beside: ns of both.
        sent: when the call was sent, before which it cannot have begun.
    """
    return start if beside <= LONG_NS else min(start, max(start - beside, sent))
