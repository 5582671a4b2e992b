"""All that this face knows of the executor beyond its public face, for what has to be fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.job import Future

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from greenlithops.dispatch.tracker import Tracker

JOB_SIZE = 1000  #: submitted calls that share a job


def tracker_of(call: Future[Any]) -> Tracker:
    """Return what follows the calls of a future's job."""
    return call._tracker  # noqa: SLF001 - this is the one place


def function_bytes(call: Future[Any]) -> int:
    """Return how large the pickled function is."""
    image = tracker_of(call).work.function.image
    return len(image.stream) + sum(len(raw) for raw in image.buffers)


def one_more(
    call: Future[Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Future[Any] | None:
    """Submit a call of the same function as `call`; return None if that job takes no more."""
    tracker = tracker_of(call)
    if not tracker.work.accepting(JOB_SIZE):
        return None
    return Future(tracker, tracker.work.push(plan.call_arguments(args, kwargs)))


def ended_since(tracker: Tracker, place: int) -> Sequence[int]:
    """Return the indices of the calls of a job that ended after the `place`-th one."""
    return tracker.work.ledger.order[place:]
