"""The calls of one job, what each of them cost, and what the machine did meanwhile."""

from __future__ import annotations

from array import array
from dataclasses import replace
from math import isnan
from operator import add
from typing import TYPE_CHECKING

from greenlithops.energy.account import MachineAccount, Tally, covered_ns
from greenlithops.energy.attribution import attribute
from greenlithops.energy.bounds import AGGREGATE_BELOW, bounds, together
from greenlithops.energy.carbon import grams_co2e

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.energy.attribution import Claim
    from greenlithops.energy.records import CallEnergy, EnergyReport
    from greenlithops.energy.sampler import EnergySampler

#: How many calls are attributed at a time while others run: about a millisecond's work.
CHUNK = 1000

_SECONDS = 1e-9
_NAN = float("nan")
_NOT_COVERED = "the meter was not read while the call ran"


class EnergyWindow:
    """A stretch of the timeline and the calls that finished in it; `EnergySampler.open_window`.

    Calls are attributed as samples come to cover them, in chunks, so that neither the timeline nor
    the event loop has to bear a million of them at once. All times are `time.monotonic_ns()`, a
    clock that the processes of a machine share.
    """

    def __init__(
        self,
        sampler: EnergySampler,
        parent: EnergyWindow | None = None,
        *,
        running: bool = True,
        observer: bool = False,
    ) -> None:
        self._sampler = sampler
        self._timeline = timeline = sampler.timeline
        meter = sampler.selection.meter
        self._domains = meter.domains if meter else ()
        self._totals = [i for i, d in enumerate(self._domains) if meter and d in meter.totals]
        self._starts = array("q")
        self._ends = array("q")
        self._cpu = array("q")
        self._joules = array("d")
        # With one domain, its joules are the call's.
        self._by_domain = [array("d") for _ in self._domains] if len(self._domains) > 1 else []
        self._earliest: int | None = None  # start among the calls not yet attributed
        opened = (timeline.last_ns if timeline else None) or 0
        self._oldest = opened if running else None
        self._machine = MachineAccount(len(self._domains), opened)
        self._tally = Tally(len(self._domains))
        self._tallies: list[Tally] = [self._tally, *(parent._tallies if parent else ())]  # noqa: SLF001
        self._observer = observer
        self._closed = False

    def add(self, starts: array[int], ends: array[int], cpu: array[int]) -> None:
        """Append finished calls.

        Args:
            starts: when each began, in nanoseconds of the monotonic clock.
            ends: when it ended.
            cpu: the CPU time that it used, in nanoseconds.
        """
        if not starts:
            return
        if not len(starts) == len(ends) == len(cpu):
            raise ValueError("starts, ends and cpu differ in length")
        self._starts.extend(starts)
        self._ends.extend(ends)
        self._cpu.extend(cpu)
        first = min(starts)
        self._earliest = first if self._earliest is None else min(first, self._earliest)
        if len(self._starts) - len(self._joules) >= CHUNK:
            self.catch_up(max(len(starts), CHUNK))

    def advance(self, oldest_running_start_ns: int | None) -> None:
        """Tell when the oldest call that still runs began, or None when none runs.

        What the timeline holds before that may be forgotten, and without running calls it is
        sampled less often. Until this is called, all is kept from the window's opening on.
        """
        changed = (self._oldest is None) is not (oldest_running_start_ns is None)
        self._oldest = oldest_running_start_ns
        if changed and not self._closed:
            self._sampler.refresh()

    def settle(self) -> array[float]:
        """Attribute all calls added so far, and return the joules of each, in order.

        A figure is NaN where the meter was not read while the call ran. The array is the window's
        own, not a copy.
        """
        done = len(self._joules)
        if done < len(self._starts):
            last = self._timeline.last_ns if self._timeline else None
            if last is not None and last < max(self._ends[done:]) and not self._closed:
                self._sampler.sample()
            self._attribute(len(self._starts))
            self._account()
        return self._joules

    def call(self, index: int) -> CallEnergy:
        """Return what one call cost, by its place in the order in which calls were added."""
        from greenlithops.energy.records import CallEnergy  # noqa: PLC0415 - a millisecond to make

        if index >= len(self._joules):
            self.settle()
        joules = self._joules[index]
        start, end, cpu = self._starts[index], self._ends[index], self._cpu[index]
        window_s, cpu_s = max(0, end - start) * _SECONDS, cpu * _SECONDS
        meter = self._sampler.selection.meter
        if meter is None or isnan(joules):
            reason = self._sampler.failure or _NOT_COVERED
            return CallEnergy(
                None, None, None, "unavailable", meter.name if meter else "none",
                window_s, cpu_s, coverage=0.0, reason=reason,
            )  # fmt: skip
        coverage = self._coverage(start, end)
        low, high = self._bounds(joules, window_s, coverage)
        columns = self._by_domain or (self._joules,)
        return CallEnergy(
            joules,
            low,
            high,
            meter.kind,
            meter.name,
            window_s,
            cpu_s,
            coverage=coverage,
            domains={
                name: column[index] for name, column in zip(self._domains, columns, strict=True)
            },
            aggregate_only=window_s < AGGREGATE_BELOW,
            reason=self._remarks(),
            gco2e=grams_co2e(joules, self._sampler.intensity, pue=self._sampler.pue),
        )

    def calls(self, indices: Sequence[int]) -> CallEnergy:
        """Return what several runs of the same call cost together: its failed attempts too."""
        return together([self.call(index) for index in indices])

    def report(self) -> EnergyReport:
        """Return what all calls cost together, and what the machine did since the window opened."""
        from greenlithops.energy.records import EnergyReport  # noqa: PLC0415 - as above

        if not self._closed:
            self._sampler.mark()
        self.settle()
        self._account()
        meter = self._sampler.selection.meter
        account, tally = self._machine, self._tally
        window_s, cpu_s = (account.until_ns - account.opened_ns) * _SECONDS, tally.cpu_ns * _SECONDS
        if meter is None or window_s <= 0 or (tally.calls and not tally.covered_ns):
            reason = self._sampler.failure or _NOT_COVERED
            return EnergyReport(
                None, None, None, "unavailable", meter.name if meter else "none",
                window_s, cpu_s, tally.calls, coverage=0.0, reason=reason,
            )  # fmt: skip
        joules, machine, idle = map(self._total, (tally.joules, account.joules, account.idle))
        coverage = tally.covered_ns / tally.call_ns if tally.call_ns else 1.0
        low, high = self._bounds(joules, window_s, coverage)
        return EnergyReport(
            joules,
            low,
            high,
            meter.kind,
            meter.name,
            window_s,
            cpu_s,
            tally.calls,
            coverage=coverage,
            domains=dict(zip(self._domains, tally.joules, strict=True)),
            idle_joules=idle if account.idle_known_ns else None,
            other_joules=machine - idle - joules,
            machine_joules=machine,
            cpu_source=self._sampler.cpu_source,
            idle_source=self._timeline.idle_source if self._timeline else None,
            reason=self._remarks(),
            gco2e=grams_co2e(joules, self._sampler.intensity, pue=self._sampler.pue),
            carbon_intensity=self._sampler.intensity,
        )

    def close(self) -> None:
        """Attribute what is left, and let the timeline go; `call` and `report` still answer."""
        if self._closed:
            return
        self._sampler.mark()
        self.settle()
        self._account()
        self._closed = True
        self._oldest = None
        self._sampler.discard(self)
        self._sampler.refresh()

    @property
    def running(self) -> bool:
        """Whether calls of this window run, as far as it has been told."""
        return self._oldest is not None

    @property
    def keep_from_ns(self) -> int | None:
        """From when on this window needs the timeline; None when it needs nothing."""
        if self._timeline is None:
            return None
        needs = (self._oldest, self._earliest, self._machine.until_ns)
        return min(need for need in needs if need is not None)

    def catch_up(self, limit: int = CHUNK) -> None:
        """Attribute some of the calls that samples have come to cover; the sampler calls this."""
        last = self._timeline.last_ns if self._timeline else None
        if last is None:
            return
        while limit > 0:
            done = len(self._joules)
            chunk = self._ends[done : done + CHUNK]
            if not chunk or max(chunk) > last:
                break
            self._attribute(done + len(chunk))
            limit -= CHUNK
        self._account()

    def _attribute(self, stop: int) -> None:
        """Attribute the calls from the first that is not attributed up to `stop`, exclusive."""
        done = len(self._joules)
        starts, ends, cpu = self._starts[done:stop], self._ends[done:stop], self._cpu[done:stop]
        timeline = self._timeline
        # One nanosecond more at either side, for calls of no duration at an edge.
        intervals = timeline.between(min(starts) - 1, max(ends) + 1) if timeline else ()
        if self._observer:  # what others have claimed is nothing to it, nor its claims to them
            intervals = [replace(interval, claimed_ns=0.0, given=()) for interval in intervals]
        claims: Sequence[Claim] = ()
        if timeline is None or not intervals:
            unknown = array("d", [_NAN]) * len(starts)
            self._keep([unknown] * max(1, len(self._domains)))
        else:
            shares = attribute(intervals, starts, ends, cpu)
            if not self._observer:
                timeline.commit(intervals, shares.claims)
            self._keep(shares.joules)
            claims = shares.claims
        call_ns, cpu_ns = sum(ends) - sum(starts), sum(cpu)
        covered = covered_ns(intervals, starts, ends, call_ns)
        for tally in self._tallies:
            tally.add(claims, calls=len(starts), cpu_ns=cpu_ns, call_ns=call_ns, covered_ns=covered)
        self._earliest = min(self._starts[stop:], default=None)

    def _keep(self, joules: Sequence[array[float]]) -> None:
        """Store the joules of a batch of calls, given by domain."""
        columns = [joules[i] for i in self._totals] or joules
        totals = columns[0]
        for column in columns[1:]:
            totals = array("d", map(add, totals, column))
        self._joules.extend(totals)
        if self._by_domain:
            for mine, column in zip(self._by_domain, joules, strict=True):
                mine.extend(column)

    def _account(self) -> None:
        """Add up the machine's energy to the last sample."""
        last = self._timeline.last_ns if self._timeline else None
        if self._timeline is not None and last is not None and not self._closed:
            self._machine.add(self._timeline.between(self._machine.until_ns, last))

    def _total(self, by_domain: list[float]) -> float:
        return sum(by_domain[i] for i in self._totals)

    def _bounds(
        self, joules: float, window_s: float, coverage: float
    ) -> tuple[float | None, float | None]:
        meter = self._sampler.selection.meter
        assert meter is not None  # noqa: S101 - there are joules, hence a meter
        low, high = bounds(joules, window_s, meter, coverage=coverage)
        return None if self._machine.idle_unknown_ns else low, high

    def _coverage(self, start: int, end: int) -> float:
        if end <= start:
            return 1.0
        # The timeline has no gaps from the window's opening to its last sample.
        last = self._machine.until_ns
        if not self._closed and self._timeline is not None:
            last = self._timeline.last_ns or last
        return max(0, min(end, last) - max(start, self._machine.opened_ns)) / (end - start)

    def _remarks(self) -> str | None:
        """Say what the reader of a figure must know, or return None."""
        meter = self._sampler.selection.meter
        remarks = list(meter.notes) if meter else []
        unknown = self._machine.idle_unknown_ns * _SECONDS
        if unknown:
            remarks.append(f"idle energy of {unknown:.2g} s is included: its power was not known")
        return "; ".join(remarks) or None
