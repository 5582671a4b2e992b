"""What every worker of this package does first: take its name, the parameters and the state."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from greenlithops.multiprocessing import config, identity, session

if TYPE_CHECKING:
    from collections.abc import Callable


def worker_initializer(
    kind: str, then: Callable[..., object] | None, arguments: tuple[Any, ...]
) -> tuple[Callable[..., object], tuple[Any, ...]]:
    """Return an initializer, and its arguments, that calls `then` last."""
    about = kind, identity.myself(), config.everything(), session.known()
    return begin, (*about, then, arguments)


def begin(  # noqa: PLR0917 - an initializer has positional arguments
    kind: str,
    parent: identity.Parent,
    parameters: dict[str, Any],
    shared: session.Session | None,
    then: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> None:
    """Be a worker."""
    config.update(parameters)
    identity.become(f"{kind}-{os.getpid()}", parent)
    session.adopt(shared)
    if then is not None:
        then(*arguments)
