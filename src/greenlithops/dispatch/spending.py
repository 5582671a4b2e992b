"""Energy budgets: stops jobs that have used what they might, with what they have until then.

What calls use is known when they have ended, so a budget looks ahead: what runs will cost as much
as what has ended did on average. Nothing more is sent as soon as that would be too much, and what
runs may end. So a budget is passed by what runs in the time between two looks, and by how much
calls that run cost more than those before them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from greenlithops.dispatch.ledger import SENT
from greenlithops.errors import EnergyBudgetExceeded, EnergyError, UsageError

if TYPE_CHECKING:
    import asyncio

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.energy.sampler import EnergySampler
    from greenlithops.energy.service import ServiceWindow
    from greenlithops.energy.window import EnergyWindow

LOOK_SECONDS = 0.05  #: between two looks at what jobs have used

_UNITS = {"j": 1.0, "mj": 1e-3, "kj": 1e3, "ws": 1.0, "wh": 3600.0, "kwh": 3.6e6}
_ENERGY = re.compile(r"\s*(\d+(?:\.\d+)?(?:e[+-]?\d+)?)\s*([a-z]*)\s*", re.IGNORECASE)


def joules(energy: float | str | None) -> float | None:
    """Return an amount of energy in joules: a number of them, or a text such as ``"500 J"``.

    Units are J, mJ (of a thousandth), kJ, Ws, Wh and kWh, in small or capital letters.

    Raises:
        UsageError: it is neither, or not positive.
    """
    if energy is None:
        return None
    found: float | None = None
    if isinstance(energy, str) and (match := _ENERGY.fullmatch(energy)):
        unit = _UNITS.get(match[2].lower() or "j")
        found = float(match[1]) * unit if unit else None
    elif isinstance(energy, (int, float)) and not isinstance(energy, bool):
        found = float(energy)
    if found is None or not 0 < found < float("inf"):
        raise UsageError(f"{energy!r} is not an energy; write joules, or a text such as '500 J'")
    return found


class Spending:
    """Watches the budgets of an executor and of its jobs.

    Args:
        loop: where it looks from.
        sampler: where energy is known from; None if energy is switched off.
        window: of the whole executor.
        budget: joules of the whole executor, or None.

    Raises:
        UsageError: there is a budget, and no energy is known.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        sampler: EnergySampler | None,
        window: EnergyWindow | ServiceWindow | None,
        budget: float | None,
    ) -> None:
        self._loop = loop
        self._sampler = sampler
        self._window = window
        self._budget = budget
        self._jobs: dict[Tracker, float | None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._spent: EnergyBudgetExceeded | None = None
        if budget is not None:
            self._check_meter()

    def check(self, budget: float | None) -> None:
        """Raise if a job with a budget of its own, or any job, cannot start now.

        Raises:
            EnergyBudgetExceeded: the executor's budget is spent.
            UsageError: the job has a budget, and energy is switched off.
            EnergyError: the job has a budget, and there is no meter.
        """
        if budget is not None:
            self._check_meter()
        if self._spent is not None:
            raise EnergyBudgetExceeded(
                str(self._spent), budget=self._spent.budget, joules=self._spent.joules
            )

    def watch(self, job: Tracker, budget: float | None) -> None:
        """Look after a job until it ends."""
        if budget is None and self._budget is None:
            return
        self._jobs[job] = budget
        if self._timer is None:
            self._timer = self._loop.call_later(LOOK_SECONDS, self._look)

    def forget(self, job: Tracker) -> None:
        """Look after a job no more: it has ended."""
        self._jobs.pop(job, None)
        if not self._jobs and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        self._timer = self._loop.call_later(LOOK_SECONDS, self._look)
        if self._sampler is not None and self._sampler.failure is not None:
            reason = f"the energy budget cannot be watched any more: {self._sampler.failure}"
            for job in list(self._jobs):
                job.stop(EnergyBudgetExceeded(reason, budget=self._jobs.get(job)))
            return
        for job, budget in list(self._jobs.items()):
            if budget is not None and (error := _exceeded(job.work.energy, budget, [job])):
                job.stop(error)
        if self._budget is not None and self._spent is None:
            self._spent = _exceeded(self._window, self._budget, list(self._jobs))
        if self._spent is not None:
            for job in list(self._jobs):
                job.stop(self._spent)

    def _check_meter(self) -> None:
        if self._sampler is None:
            raise UsageError("an energy budget needs energy figures: leave out energy='off'")
        if self._sampler.failure is not None:
            raise EnergyError(f"the energy budget cannot be watched: {self._sampler.failure}")


def _exceeded(
    window: EnergyWindow | ServiceWindow | None, budget: float, jobs: list[Tracker]
) -> EnergyBudgetExceeded | None:
    """Return the error if what was used, and what runs, come to more than a budget."""
    report = window.report() if window is not None else None
    if report is None or report.joules is None or not report.calls:
        return None
    running = sum(job.work.ledger.counts[SENT] for job in jobs)
    if report.joules * (1 + running / report.calls) < budget:
        return None
    return EnergyBudgetExceeded(
        f"stopped at {report.joules:.4g} J of an energy budget of {budget:.4g} J, after "
        f"{report.calls:,} calls, with {running:,} under way ({report.kind})",
        budget=budget,
        joules=report.joules,
    )
