"""The storages that an executor reads objects from: its own, and those that sources name."""

from __future__ import annotations

import asyncio
import pickle
from typing import TYPE_CHECKING

from greenlithops.offload import off_loop
from greenlithops.registry import SCHEMES, STORAGE
from greenlithops.storage.async_storage import AsyncStorage

if TYPE_CHECKING:
    from collections.abc import Callable

    Maker = Callable[[str], AsyncStorage]


class Storages:
    """Storages by name, made when they are first needed.

    Args:
        own: what sources without a scheme are in: a name, a storage, or None for localhost; or
            a function that makes a storage of a name, and the own one for an empty name.
    """

    def __init__(self, own: str | AsyncStorage | Maker | None = None) -> None:
        self._name = own if isinstance(own, str) else "" if callable(own) else "localhost"
        self._make = own if callable(own) else AsyncStorage
        self._own = None if own is None or isinstance(own, str) or callable(own) else own
        self._named: dict[str, AsyncStorage] = {}
        self._made: list[AsyncStorage] = []
        self.closed = False

    @property
    def own(self) -> AsyncStorage:
        """The executor's own storage.

        Raises:
            BackendNotFound: there is no storage of this name.
        """
        if self._own is None:
            self._own = self._new(self._name)
        return self._own

    async def find(self, name: str) -> tuple[str, AsyncStorage]:
        """Return a storage, and its name among the `specs` that workers get.

        Args:
            name: its name or scheme; empty for the executor's own.

        Raises:
            BackendNotFound: there is no storage of this name.
        """
        own = self.own
        known = SCHEMES.get(name, name)
        if not name or {name, known} & {self._name, own.backend.name, own.backend.scheme}:
            return "", own
        if known not in self._named:
            # What is not known here is looked for in every installed package.
            new = self._new(known) if known in STORAGE else await off_loop(self._new, known)
            self._named.setdefault(known, new)
        return known, self._named[known]

    def _new(self, name: str) -> AsyncStorage:
        made = self._make(name)
        self._made.append(made)
        return made

    def specs(self) -> dict[str, bytes]:
        """Return the storages pickled, by the names that parts have for them."""
        return {"": pickle.dumps(self.own)} | {
            name: pickle.dumps(storage) for name, storage in self._named.items()
        }

    async def close(self) -> None:
        """Close the storages that were made here, for good."""
        self.closed = True
        await asyncio.gather(*(storage.close() for storage in self._made))
