"""CPU time of a worker with everything that its calls have started, alive or dead.

What calls use while all is well is measured in the worker itself, at their edges. This is for what
no edge tells: calls that are killed, and the processes that they leave behind.
"""

from __future__ import annotations

from typing import Protocol


class Tree(Protocol):
    """A process and its descendants."""

    def read(self, own_ns: int | None = None) -> int:
        """Return the CPU nanoseconds that they have used; less than the last time never.

        Args:
            own_ns: what the process itself has used with the children that it waited for, when it
                has ended and that is known exactly.
        """
        ...

    def close(self) -> None:
        """Count no more."""
        ...


class TreeSource(Protocol):
    """Counts the CPU time of trees of processes."""

    name: str  #: as records and ``energy probe`` show it
    resolution: float  #: seconds by which one reading may be off

    @property
    def notes(self) -> tuple[str, ...]:
        """What it does not count."""
        ...

    def adopt(self, pid: int) -> Tree:
        """Begin to count a process, which must not have ended yet.

        Raises:
            OSError: it has ended, or counting it is refused.
        """
        ...

    def close(self) -> None:
        """Let go of what the source holds; its trees are closed before."""
        ...
