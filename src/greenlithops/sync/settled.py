"""A call that ended in another process: what is left of it is values, which can be pickled."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.errors import CallCancelled
from greenlithops.models import CallState

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.records import CallEnergy
    from greenlithops.models import CallStats


@dataclass(frozen=True, slots=True, eq=False)
class Settled:
    """How a call ended."""

    state: CallState
    value: Any
    error: BaseException | None
    stats: CallStats | None
    energy: CallEnergy | None
    logs: str

    def done(self) -> bool:
        """Return that it has ended."""
        return True

    def cancelled(self) -> bool:
        """Return whether it was cancelled."""
        return self.state is CallState.CANCELLED

    def result(self) -> Any:
        """Return the call's result, or raise why there is none."""
        if self.error is not None:
            raise self.error
        if self.state is CallState.CANCELLED:
            raise CallCancelled("the call was cancelled")
        return self.value

    def cancel(self) -> bool:
        """Return that it was too late."""
        return False

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Have `callback(self)` called on the loop."""
        asyncio.get_running_loop().call_soon(callback, self)
