"""What every worker of this package does first: take its name, the parameters and the state."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from greenlithops.multiprocessing import config, identity, session
from greenlithops.worker import ordinal

if TYPE_CHECKING:
    from collections.abc import Callable


def worker_initializer(
    kind: str, workers: int, then: Callable[..., object] | None, arguments: tuple[Any, ...]
) -> tuple[Callable[..., object], tuple[Any, ...]]:
    """Return an initializer, and its arguments, that calls `then` last.

    Args:
        kind: what the workers' names begin with.
        workers: how many there are at a time; those that replace others have higher numbers.
        then: called in every worker.
        arguments: with these.
    """
    place = identity.place_of(identity.next_numbers(workers))
    about = kind, place, identity.myself(), config.everything(), session.known()
    return begin, (*about, then, arguments)


def begin(  # noqa: PLR0917 - an initializer has positional arguments
    kind: str,
    first: tuple[int, ...],
    parent: identity.Parent,
    parameters: dict[str, Any],
    shared: session.Session | None,
    then: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> None:
    """Be a worker."""
    config.update(parameters)
    place = (*first[:-1], first[-1] + max(0, ordinal.number - 1))
    identity.become(identity.name_of(kind, place), place, parent)
    session.adopt(shared)
    if then is not None:
        then(*arguments)
