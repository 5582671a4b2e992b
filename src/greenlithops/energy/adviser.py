"""Which number of workers, chunk size and memory use least: fitted to a few trials, or refused.

Seconds, joules and money are each taken for a sum of terms that have a meaning, with weights that
are never negative: a fixed part, work that is divided among workers, overhead for each chunk, the
wait for the last chunk, the start of each worker, and CPU time that shrinks with memory (as cloud
functions have it). Which terms the trials can tell apart is found by leaving each plan out in turn
and predicting it from the others; that hold-out error is part of every answer. Nothing is advised
from fewer than four different plans, from a fit that predicts badly, or outside of what was tried;
between two values of a knob, only if a third was tried.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import inf
from statistics import median
from typing import TYPE_CHECKING, Literal

from greenlithops.energy.fitting import fit
from greenlithops.energy.plans import Plan, Trial, check_within, within
from greenlithops.errors import ConfigurationError, NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from greenlithops.energy.fitting import Fit

Objective = Literal["energy", "edp", "time", "cost"]

LEAST_PLANS = 4
MOST_ERROR = 0.25  #: hold-out error from which advice is refused


@dataclass(frozen=True, slots=True)
class Prediction:
    """What a plan would take.

    Attributes:
        plan: the plan.
        seconds: from start to end.
        joules: None if the trials had none.
        cost: dollars; None if the trials had none.
        tried: whether it is one of the trials' plans.
    """

    plan: Plan
    seconds: float
    joules: float | None
    cost: float | None
    tried: bool

    @property
    def edp(self) -> float | None:
        """The energy-delay product, in joule-seconds."""
        return None if self.joules is None else self.joules * self.seconds

    def of(self, objective: Objective) -> float | None:
        """Return what the objective is about."""
        names = {"energy": "joules", "edp": "edp", "time": "seconds", "cost": "cost"}
        value: float | None = getattr(self, names[objective])
        return value

    def __str__(self) -> str:
        joules = "" if self.joules is None else f", {self.joules:.3g} J"
        cost = "" if self.cost is None else f", ${self.cost:.3g}"
        return f"{self.plan}: {self.seconds:.3g} s{joules}{cost}"


@dataclass(frozen=True, slots=True)
class Advice:
    """What the trials say about plans that were and were not tried.

    Attributes:
        predictions: for every plan that was looked at.
        errors: the hold-out error of ``seconds``, ``joules`` and ``cost``: the mean of how far a
            plan's prediction from the other plans was off, as a fraction.
        terms: which terms each of them was fitted with.
        items: how many elements the predictions are for.
    """

    predictions: tuple[Prediction, ...]
    errors: Mapping[str, float]
    terms: Mapping[str, tuple[str, ...]]
    items: int

    @property
    def front(self) -> list[Prediction]:
        """The plans that no other plan beats in seconds, joules and cost alike; fastest first.

        Of plans that take the same, only the one with the fewest workers, then the smallest chunks.
        """
        front: list[Prediction] = []
        for p in sorted(self.predictions, key=lambda p: (_values(p), p.plan)):
            mine = _values(p)
            if not any(
                all(b <= a for a, b in zip(mine, _values(other), strict=True)) for other in front
            ):
                front.append(p)
        return front

    def pick(
        self,
        objective: Objective = "energy",
        *,
        max_seconds: float = inf,
        max_joules: float = inf,
        max_cost: float = inf,
        max_error: float = MOST_ERROR,
    ) -> Prediction:
        """Return the best plan.

        Args:
            objective: least ``energy``, energy-delay product (``edp``), ``time`` or ``cost``.
            max_seconds: a limit, which must hold even when the prediction is too low by the
                hold-out error. Likewise for the others.
            max_joules: see there.
            max_cost: see there.
            max_error: hold-out error of what is used here, from which advice is refused.

        Raises:
            NotEnoughEvidence: the fit is too bad, what is asked for was not in the trials, or no
                plan keeps the limits.
            ConfigurationError: there is no such objective.
        """
        if objective not in _USES:
            raise ConfigurationError(
                f"there is no objective {objective!r}; there are {', '.join(_USES)}"
            )
        limits = {"seconds": max_seconds, "joules": max_joules, "cost": max_cost}
        used = {name for name, limit in limits.items() if limit != inf} | _USES[objective]
        for name in sorted(used):
            error = self.errors.get(name)
            if error is None:
                raise NotEnoughEvidence(f"the trials have no {name}, so nothing is known of it")
            if error > max_error:
                raise NotEnoughEvidence(
                    f"{name} cannot be predicted: plans that were left out were missed by "
                    f"{error:.0%} on average, and {max_error:.0%} is allowed; repeat the trials on "
                    "a quiet machine, or try more plans"
                )
        allowed = [
            p
            for p in self.predictions
            if all(
                limit == inf or getattr(p, name) * (1 + self.errors[name]) <= limit
                for name, limit in limits.items()
            )
        ]
        if not allowed:
            raise NotEnoughEvidence("no plan within what was tried keeps the limits")
        return min(allowed, key=lambda p: (p.of(objective), p.seconds, p.plan))


_USES: Mapping[str, set[str]] = {
    "energy": {"joules"},
    "edp": {"joules", "seconds"},
    "time": {"seconds"},
    "cost": {"cost"},
}


def advise(
    trials: Iterable[Trial],
    *,
    items: int | None = None,
    candidates: Iterable[Plan] | None = None,
) -> Advice:
    """Fit the trials, and predict what plans would take.

    Args:
        trials: at least four plans; repeats of a plan are taken at their median.
        items: how many elements to predict for; by default as many as the largest trial had.
        candidates: which plans to look at; by default all that lie within what was tried.

    Raises:
        NotEnoughEvidence: there are too few plans, or a candidate lies outside of what was tried.
        ConfigurationError: a trial or `items` makes no sense, or scipy is not installed.
    """
    if items is not None and items < 1:
        raise ConfigurationError(f"advice is for at least one element, not {items}")
    points = _medians(trials)
    plans = sorted({plan for plan, _ in points})
    if len(plans) < LEAST_PLANS:
        raise NotEnoughEvidence(
            f"there are trials of {len(plans)} plan{'' if len(plans) == 1 else 's'}; at least "
            f"{LEAST_PLANS} different ones are needed, better eight"
        )
    wanted = list(within(plans)) if candidates is None else list(candidates)
    for plan in wanted:
        check_within(plan, plans)
    most = max(n for _, n in points)
    count = most if items is None else items
    fits: dict[str, Fit] = {}
    for name in ("seconds", "joules", "cost"):
        rows = [(n, plan, getattr(trial, name)) for (plan, n), trial in points.items()]
        if all(value is not None for _, _, value in rows):
            fits[name] = fit(rows)
    predictions = [
        Prediction(
            plan,
            fits["seconds"].predict(count, plan),
            fits["joules"].predict(count, plan) if "joules" in fits else None,
            fits["cost"].predict(count, plan) if "cost" in fits else None,
            plan in plans,
        )
        for plan in wanted
    ]
    return Advice(
        tuple(predictions),
        {name: fit.error for name, fit in fits.items()},
        {name: fit.terms for name, fit in fits.items()},
        count,
    )


def _medians(trials: Iterable[Trial]) -> dict[tuple[Plan, int], Trial]:
    groups: dict[tuple[Plan, int], list[Trial]] = defaultdict(list)
    for trial in trials:
        amounts = (trial.seconds, trial.joules, trial.cost)
        if trial.items < 1 or trial.plan.workers < 1 or trial.plan.chunk < 1:
            raise ConfigurationError(f"a trial needs at least one of everything: {trial}")
        if any(a is not None and not 0 < a < inf for a in amounts):
            raise ConfigurationError(f"what a trial took must be positive: {trial}")
        groups[trial.plan, trial.items].append(trial)
    return {key: _median(*key, group) for key, group in groups.items()}


def _median(plan: Plan, items: int, group: Sequence[Trial]) -> Trial:
    def middle(name: str) -> float | None:
        values = [getattr(trial, name) for trial in group]
        return None if None in values else float(median(values))

    return Trial(plan, items, middle("seconds") or 0.0, middle("joules"), middle("cost"))


def _values(prediction: Prediction) -> tuple[float, float, float]:
    return prediction.seconds, prediction.joules or 0.0, prediction.cost or 0.0
