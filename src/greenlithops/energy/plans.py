"""How a map may be run, what trials of that took, and which plans lie within those tried; pure."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

from greenlithops.errors import NotEnoughEvidence

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MOST_STEPS = 32  #: values of a knob that are looked at


@dataclass(frozen=True, slots=True, order=True)
class Plan:
    """How to run a map.

    Attributes:
        workers: how many at once.
        chunk: elements that a call takes.
        memory_mb: memory of each worker; None where it makes no difference.
    """

    workers: int
    chunk: int = 1
    memory_mb: int | None = None

    def __str__(self) -> str:
        memory = "" if self.memory_mb is None else f", {self.memory_mb} MB"
        return f"{self.workers} workers, chunks of {self.chunk}{memory}"


@dataclass(frozen=True, slots=True)
class Trial:
    """What a run took.

    Attributes:
        plan: how it was run.
        items: how many elements it was over.
        seconds: from its start to its end.
        joules: what it used, the machine's idling included if it ran for this alone; None if
            unknown.
        cost: dollars; None if they do not matter.
    """

    plan: Plan
    items: int
    seconds: float
    joules: float | None = None
    cost: float | None = None


def within(plans: Sequence[Plan]) -> Iterable[Plan]:
    """Give the plans between the least and the most of each knob that was tried."""
    workers, chunks = _steps([p.workers for p in plans]), _steps([p.chunk for p in plans])
    sizes = _steps([plan.memory_mb for plan in plans if plan.memory_mb is not None])
    memory: Sequence[int | None] = sizes or [None]
    return (Plan(w, c, m) for w, c, m in product(workers, chunks, memory))


def check_within(plan: Plan, plans: Sequence[Plan]) -> None:
    """Raise unless a plan lies within those that were tried.

    Raises:
        NotEnoughEvidence: it does not; the text says in what.
    """
    for knob in ("workers", "chunk", "memory_mb"):
        tried, value = [getattr(p, knob) for p in plans], getattr(plan, knob)
        numbers = {number for number in tried if number is not None}
        between = len(numbers) > 2 and value is not None  # noqa: PLR2004 - see _steps
        if value not in tried and not (between and min(numbers) <= value <= max(numbers)):
            raise NotEnoughEvidence(f"{plan}: {knob} of {value} lies outside of what was tried")


def _steps(tried: Sequence[int]) -> list[int]:
    """Return the whole numbers from the least to the most, or as many of them as are looked at.

    Two values say nothing of how it bends between them: then it is these alone.
    """
    if len(set(tried)) <= 2:  # noqa: PLR2004 - the two
        return sorted(set(tried))
    low, high = min(tried), max(tried)
    if high - low < MOST_STEPS:
        return list(range(low, high + 1))
    ratio = (high / low) ** (1 / (MOST_STEPS - 1))
    return sorted({round(low * ratio**i) for i in range(MOST_STEPS)} | set(tried))
