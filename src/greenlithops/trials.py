"""Runs a function a few times in different ways, for the adviser to learn from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from greenlithops.energy.plans import Plan, Trial
from greenlithops.errors import UsageError
from greenlithops.executor import AsyncExecutor

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence


class Chunked:
    """Calls a function for each element of a list, as a map would.

    Args:
        function: a function, not a coroutine function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function

    def __call__(self, elements: list[Any]) -> list[Any]:
        """Return the results for the elements."""
        return [self._one(element) for element in elements]

    def _one(self, element: Any) -> Any:
        if isinstance(element, tuple):
            return self.function(*element)
        if isinstance(element, Mapping):
            return self.function(**element)
        return self.function(element)


def chunks(elements: Sequence[Any], size: int) -> list[list[Any]]:
    """Return the elements in lists of `size`; the last may be shorter."""
    return [list(elements[i : i + size]) for i in range(0, len(elements), size)]


async def run_trials(
    function: Callable[..., Any],
    elements: Sequence[Any],
    plans: Iterable[Plan],
    *,
    repeats: int = 1,
    include_idle: bool = True,
    price: Callable[[Plan, Sequence[float]], float] | None = None,
    **options: Any,
) -> list[Trial]:
    """Map a function over a sample, once for each plan and repeat; the plans take turns.

    Args:
        function: what will be mapped.
        elements: a sample of what it will be mapped over: enough for some seconds of work.
        plans: what to try. A plan's memory becomes the executor's `max_memory`.
        repeats: how often.
        include_idle: count the machine's idling to the joules: it is there for this job.
        price: returns dollars for a plan and the seconds of its calls; see
            `greenlithops.energy.usage`.
        options: more arguments for `AsyncExecutor`.

    Returns:
        Trials for `greenlithops.energy.advise`. Workers are started before the clock is.

    Raises:
        UsageError: there is nothing to try.
        Exception: what a call raised.
    """
    wanted = list(plans)
    if not wanted or not elements or repeats < 1:
        raise UsageError("trials need at least one plan, one element and one repeat")
    return [
        await _run(function, elements, plan, options, include_idle=include_idle, price=price)
        for _ in range(repeats)
        for plan in wanted
    ]


async def _run(
    function: Callable[..., Any],
    elements: Sequence[Any],
    plan: Plan,
    options: Mapping[str, Any],
    *,
    include_idle: bool,
    price: Callable[[Plan, Sequence[float]], float] | None,
) -> Trial:
    of_plan: dict[str, Any] = {"max_workers": plan.workers}
    if plan.memory_mb is not None:
        of_plan["max_memory"] = plan.memory_mb << 20
    work = chunks(elements, plan.chunk)
    async with AsyncExecutor(**(dict(options) | of_plan)) as executor:
        await executor.map(_warm, [0.05] * plan.workers)
        begin = time.monotonic()
        job = executor.map(Chunked(function), work)
        await job
        seconds = time.monotonic() - begin
        report = job.energy
        joules = report.joules if report is not None else None
        if include_idle and report is not None and joules is not None:
            joules += report.idle_joules or 0.0
        durations = [f.stats.wall_seconds for f in job.futures if f.stats is not None]
        cost = price(plan, durations) if price is not None else None
    return Trial(plan, len(elements), seconds, joules, cost)


def _warm(seconds: float) -> None:
    """Keep a worker long enough that another one is started for the next call."""
    time.sleep(seconds)
