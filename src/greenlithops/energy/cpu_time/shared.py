"""What is opened once for each process of ours, however many users it has there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class Shared(Generic[T]):
    """Opens something for its first user and closes it after its last.

    Args:
        make: opens it.
    """

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = threading.Lock()
        self._users = 0
        self.held: T | None = None  #: what is open

    def acquire(self) -> T:
        """Return it for one more user; raises what opening it raises."""
        with self._lock:
            if self.held is None:
                self.held = self._make()
            self._users += 1
            return self.held

    def release(self) -> None:
        """Have one user less."""
        with self._lock:
            self._users -= 1
            if not self._users and self.held is not None:
                self.held.close()
                self.held = None
