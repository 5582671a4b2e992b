"""Joules of any block or function: ``with energy.measure()``, ``@energy.measured``.

    with energy.measure() as block:            # or `async with`, in coroutines
        train()
    print(block.energy, block.report)

    @energy.measured                           # functions and coroutine functions
    def train(): ...
    train.energy.joules                        # of all its calls so far

Whose CPU time counts is the block's scope:

``process``
    All threads of this process, and its child processes that ended in the block. What blocks in
    the main thread have.
``thread``
    The thread alone. What blocks in other threads have, so that what blocks of several threads get
    never adds up to more than the machine used.
``task``
    The steps of one coroutine, however many others run in its loop. What decorated coroutine
    functions have; tasks that it starts count for themselves.

A block gets its share of what the machine burned above idle. Blocks may be nested, and hold calls
of executors: what is inside of another counts in both.
"""

from __future__ import annotations

import asyncio
import threading
import time
from array import array
from concurrent.futures import Future
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal, Self

from greenlithops.energy.clocks import ProcessClock, StepClock, ThreadClock, metered
from greenlithops.energy.host import shared_host
from greenlithops.energy.sharing import shared_sampler
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.clocks import BlockClock
    from greenlithops.energy.host import Ticket
    from greenlithops.energy.records import CallEnergy, EnergyReport
    from greenlithops.energy.window import EnergyWindow

Scope = Literal["process", "thread", "task"]
_Figures = tuple["CallEnergy", "EnergyReport"]


class Measurement:
    """What a block cost; made by `measure`, and entered once.

    Attributes:
        label: what the block is called, or None.
        scope: whose CPU time counts.
        started: when it was entered, in seconds since the epoch.
    """

    def __init__(self, label: str | None, scope: Scope | None, meter: str) -> None:
        self.label = label
        self.scope: Scope = scope or _scope_here()
        self._meter = meter
        self._figures: Future[_Figures] = Future()
        self._clock: BlockClock | None = None
        self.started = 0.0
        self._start = 0
        self._ticket: Future[Ticket] | None = None
        self._stack: AsyncExitStack | None = None
        self._window: EnergyWindow | None = None

    @property
    def energy(self) -> CallEnergy | None:
        """What the block cost; None until it has been left."""
        return self._known()[0] if self._left else None

    @property
    def report(self) -> EnergyReport | None:
        """What the block cost and what the machine did meanwhile; None until it has been left."""
        return self._known()[1] if self._left else None

    def when_known(self, callback: Callable[[Measurement], object]) -> None:
        """Have ``callback(self)`` called once the figures are there, perhaps in another thread."""
        self._figures.add_done_callback(lambda _: callback(self))

    # In plain code. On an event loop neither end waits for anything.

    def __enter__(self) -> Self:
        self._begin_once(ThreadClock if self.scope == "thread" else ProcessClock)
        self._ticket = shared_host().open(self._meter)
        if not _on_loop():
            self._ticket.result()
        self._start_clock()
        return self

    def __exit__(self, *_: object) -> None:
        stamps = self._stop_clock()
        ticket = self._ticket
        assert ticket is not None  # noqa: S101 - it was entered

        def settle(opened: Ticket) -> None:
            self._settle(opened.window, *stamps)

        closing = shared_host().close(ticket, settle)
        closing.add_done_callback(self._pass_on_failure)
        if not _on_loop():
            closing.result()

    # In coroutines.

    async def __aenter__(self) -> Self:
        self._begin_once(ThreadClock if self.scope == "thread" else ProcessClock)
        return await self._enter()

    async def _enter(self) -> Self:
        async with AsyncExitStack() as stack:
            sampler = await stack.enter_async_context(shared_sampler(self._meter))
            self._window = sampler.open_window(observer=True)
            self._stack = stack.pop_all()
        self._start_clock()
        return self

    async def __aexit__(self, *_: object) -> None:
        stamps = self._stop_clock()
        assert self._window is not None  # noqa: S101 - it was entered
        assert self._stack is not None  # noqa: S101 - it was entered
        try:
            self._settle(self._window, *stamps)
        finally:
            await self._stack.aclose()

    async def steps_of(self, coroutine: Any) -> Any:
        """Await a coroutine inside of the measurement, counting its own steps alone."""
        clock = StepClock()
        self._begin_once(lambda: clock)
        try:
            await self._enter()
        except BaseException:
            coroutine.close()
            raise
        try:
            return await metered(coroutine, clock)
        finally:
            await self.__aexit__()

    # The parts.

    @property
    def _left(self) -> bool:
        return self._clock is not None and self._start < 0

    def _known(self) -> _Figures:
        return self._figures.result()

    def _begin_once(self, clock: Callable[[], BlockClock]) -> None:
        if self._clock is not None:
            raise UsageError("a measurement can be entered once; call measure() for each block")
        self._clock = clock()

    def _start_clock(self) -> None:
        assert self._clock is not None  # noqa: S101 - set by _begin_once
        self.started = time.time()
        self._start = time.monotonic_ns()
        self._clock.start()

    def _stop_clock(self) -> tuple[int, int, int]:
        assert self._clock is not None  # noqa: S101 - set by _begin_once
        cpu = self._clock.stop()
        stamps = (self._start, time.monotonic_ns(), cpu)
        self._start = -1
        return stamps

    def _settle(self, window: EnergyWindow, start: int, end: int, cpu: int) -> None:
        window.add(array("q", [start]), array("q", [end]), array("q", [cpu]))
        energy, report = window.call(0), window.report()
        window.close()
        self._figures.set_result(
            (replace(energy, scope=self.scope), replace(report, scope=self.scope))
        )

    def _pass_on_failure(self, closing: Future[None]) -> None:
        error = closing.exception()
        if error is not None and not self._figures.done():
            self._figures.set_exception(error)


def measure(
    label: str | None = None, *, scope: Scope | None = None, meter: str = "auto"
) -> Measurement:
    """Measure a block of code, in ``with`` or, in coroutines, ``async with``.

    Args:
        label: what the block is called in logs and plots.
        scope: ``"process"`` or ``"thread"``; by default ``"process"`` in the main thread and
            ``"thread"`` in any other. The module's text says what they mean.
        meter: as for `greenlithops.energy.select_meter`.

    Raises:
        UsageError: there is no such scope, or a block cannot have it.
        ConfigurationError: on entering, if the meter is unknown or cannot be used here.
    """
    if scope not in {None, "process", "thread"}:
        hint = "; decorate a coroutine function for that" if scope == "task" else ""
        raise UsageError(f"a block's scope is 'process' or 'thread', not {scope!r}{hint}")
    return Measurement(label, scope, meter)


def _scope_here() -> Scope:
    return "process" if threading.current_thread() is threading.main_thread() else "thread"


def _on_loop() -> bool:
    """Return whether an event loop runs in this thread, which must not be made to wait."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True
