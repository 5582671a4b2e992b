"""In a worker: the configuration of its executor, for the executors that calls make."""

from __future__ import annotations

TYPE_CHECKING = False  # every worker of an executor with a configuration imports this
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

#: by section; None in a process that is no worker, or whose executor was given nothing
sections: dict[str, dict[str, Any]] | None = None


def inherit(
    given: dict[str, dict[str, Any]],
    then: Callable[..., object] | None = None,
    arguments: tuple[Any, ...] = (),
) -> None:
    """Remember the configuration of this worker's executor, then call an initializer."""
    global sections  # noqa: PLW0603 - a process is the worker of one executor
    sections = given
    if then is not None:
        then(*arguments)
