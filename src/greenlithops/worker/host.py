"""What a worker's server runs in; known to the type checker only, since typing costs time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from greenlithops.worker.calls import Function
    from greenlithops.worker.capture import Capture


class Host(Protocol):
    """What a server runs in: a process of its own, or a thread of somebody else's."""

    capture: Capture

    def greet(self, hello: dict[str, Any]) -> None:
        """Become what the client wants workers to be like."""

    def confine(self, hello: dict[str, Any]) -> None:
        """Set the limits for calls, after what the worker itself needs is there."""

    def prepare(self, function: Function) -> None:
        """Have the function find the surroundings that its client has."""

    def alive(self) -> bool:
        """Return whether the client is still there, as far as the host can tell."""

    def leave(self) -> None:
        """End, after the client has said so."""

    def abandoned(self) -> None:
        """End at once: the connection is lost."""
