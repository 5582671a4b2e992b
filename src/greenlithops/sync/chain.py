"""Calls whose arguments are the results of other calls: made, on the loop, when those are there."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeAlias

from greenlithops.errors import CallCancelled, NotReady
from greenlithops.models import CallState

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenlithops.energy.records import CallEnergy
    from greenlithops.job import Future
    from greenlithops.models import CallStats
    from greenlithops.sync.settled import Settled

    Call: TypeAlias = "Future[Any] | Deferred | Settled"
    Make: TypeAlias = Callable[[list[Any], int], Future[Any]]


class Chain:
    """Calls that one job makes of others' results.

    Args:
        make: makes call number `n` from the results that it waits for.
        owners: the chains of the same executor that have not ended.
    """

    def __init__(self, make: Make, owners: set[Chain]) -> None:
        self.make = make
        self._owners = owners
        self._calls: list[Deferred] = []
        self._left = 0
        self._change: asyncio.Future[None] | None = None

    def add(self, sources: Sequence[Call]) -> Deferred:
        """Return the next call, which waits for `sources`."""
        call = Deferred(self, len(self._calls), len(sources))
        self._calls.append(call)
        self._left += 1
        self._owners.add(self)
        for source in sources:
            source.add_done_callback(call.source_ended)
        call.begin(sources)
        return call

    def news(self) -> asyncio.Future[None]:
        """Return a future that is done when another call has ended."""
        if self._change is None or self._change.done():
            self._change = asyncio.get_running_loop().create_future()
        return asyncio.shield(self._change)

    def ended(self) -> None:
        """Take note that one call has ended."""
        self._left -= 1
        if not self._left:
            self._owners.discard(self)
        if self._change is not None and not self._change.done():
            self._change.set_result(None)

    def cancel_all(self) -> None:
        """Cancel every call that has not ended."""
        for call in self._calls:
            call.cancel()


class Deferred:
    """A call that is not made until others have ended; then it is what it made."""

    def __init__(self, chain: Chain, index: int, awaited: int) -> None:
        self.chain = chain
        self.index = index
        self._awaited = awaited
        self._sources: Sequence[Call] = ()
        self._made: Future[Any] | None = None
        self._state = CallState.WAITING
        self._error: Exception | None = None
        self._callbacks: list[Callable[[Any], object]] = []

    def begin(self, sources: Sequence[Call]) -> None:
        """Begin to wait for calls."""
        self._sources = sources
        if not sources:
            self._make()

    def source_ended(self, source: Call) -> None:
        """Take note that one of the awaited calls has ended."""
        self._awaited -= 1
        if self._made is not None or self.done():
            return
        try:
            source.result()
        except Exception as error:  # noqa: BLE001 - the user's errors are data
            self._end(CallState.FAILED, error)
            return
        if not self._awaited:
            self._make()

    def _make(self) -> None:
        try:
            values = [source.result() for source in self._sources]
            self._made = self.chain.make(values, self.index)
        except Exception as error:  # noqa: BLE001 - arguments may not fit, or not be picklable
            self._end(CallState.FAILED, error)
            return
        finally:
            self._sources = ()
        self._made.add_done_callback(self._made_ended)

    def _made_ended(self, made: Future[Any]) -> None:
        self._end(made.state, None)

    def _end(self, state: CallState, error: Exception | None) -> None:
        self._state, self._error, self._sources = state, error, ()
        self.chain.ended()
        for callback in self._callbacks:
            callback(self)
        self._callbacks.clear()

    # What a future of a call that was made at once has, too.

    @property
    def state(self) -> CallState:
        """Where the call is on its way."""
        if self._made is not None and not self.done():
            return CallState.SENT if self._made.state is CallState.SENT else CallState.WAITING
        return self._state

    def done(self) -> bool:
        """Return whether the call has ended."""
        return self._state not in (CallState.WAITING, CallState.SENT)

    def cancelled(self) -> bool:
        """Return whether the call was cancelled."""
        return self._state is CallState.CANCELLED

    def result(self) -> Any:
        """Return the call's result, or raise why there is none."""
        if not self.done():
            raise NotReady("the call has not ended yet")
        if self._error is not None:
            raise self._error
        if self._made is None:
            raise CallCancelled("the call was cancelled before it was made")
        return self._made.result()

    def cancel(self) -> bool:
        """Cancel the call; return False if it had ended."""
        if self.done():
            return False
        if self._made is not None:
            return self._made.cancel()
        self._end(CallState.CANCELLED, None)
        return True

    def add_done_callback(self, callback: Callable[[Any], object]) -> None:
        """Have `callback(self)` called on the loop when the call has ended."""
        if self.done():
            asyncio.get_running_loop().call_soon(callback, self)
        else:
            self._callbacks.append(callback)

    @property
    def stats(self) -> CallStats | None:
        """What the call took, once it was made."""
        return self._made.stats if self._made is not None else None

    @property
    def energy(self) -> CallEnergy | None:
        """What the call cost, once it was made."""
        return self._made.energy if self._made is not None else None

    @property
    def logs(self) -> str:
        """What the call printed, once it was made."""
        return self._made.logs if self._made is not None else ""
