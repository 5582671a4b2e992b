"""All that this face knows of the executor beyond its public face, for what has to be fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.dispatch.inputs import as_input

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.executor import AsyncExecutor
    from greenlithops.job import Future


def tracker_of(call: Future[Any]) -> Tracker:
    """Return what follows the calls of a future's job."""
    return call._tracker  # noqa: SLF001 - this is the one place


def function_bytes(call: Future[Any]) -> int:
    """Return how large the pickled function is."""
    image = tracker_of(call).work.function.image
    return len(image.stream) + sum(len(raw) for raw in image.buffers)


def start_many(
    executor: AsyncExecutor, function: Callable[..., Any], arguments: list[plan.Arguments]
) -> Tracker:
    """Start calls of one function, given the arguments of each, as a job.

    Raises:
        FunctionNotSerializable: the function cannot be pickled.
    """
    engine = executor._running_engine()  # noqa: SLF001 - see above
    source = as_input(arguments)
    return engine.start(function, source, plan.passed_on, executor._defaults)  # noqa: SLF001 - see above


def ended_since(tracker: Tracker, place: int) -> Sequence[int]:
    """Return the indices of the calls of a job that ended after the `place`-th one."""
    return tracker.work.ledger.order[place:]
