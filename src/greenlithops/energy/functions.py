"""Functions and coroutine functions that measure their own calls: ``@energy.measured``."""

from __future__ import annotations

import functools
import inspect
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar, cast, overload

from greenlithops.energy.blocks import Measurement, measure
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.energy.blocks import Scope

P = ParamSpec("P")
R = TypeVar("R")
R_co = TypeVar("R_co", covariant=True)


class Totals:
    """What all calls of a measured function cost together. Safe to read from any thread.

    It is of one process: a function that is sent to a worker begins anew there.

    Attributes:
        calls: how many have ended.
        joules: their sum; None when there was none, or when that of one is unknown.
        seconds: their time by the clock.
        cpu_seconds: their CPU time.
        last: the one that ended last.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.joules: float | None = None
        self.seconds = self.cpu_seconds = 0.0
        self.last: Measurement | None = None
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Totals], tuple[()]]:
        return Totals, ()

    def add(self, block: Measurement) -> None:
        """Count a call."""
        energy = block.energy
        assert energy is not None  # noqa: S101 - only told once it is known
        with self._lock:
            known = self.joules if self.calls else 0.0
            if known is None or energy.joules is None:
                self.joules = None
            else:
                self.joules = known + energy.joules
            self.calls += 1
            self.seconds += energy.window_s
            self.cpu_seconds += energy.cpu_s
            self.last = block

    def __str__(self) -> str:
        calls = f"{self.calls:,} call{'' if self.calls == 1 else 's'}"
        joules = "energy unknown" if self.joules is None else f"{self.joules:.3g} J"
        return f"{calls}: {joules}, CPU {self.cpu_seconds:.3g} s of {self.seconds:.3g} s"


class Measured(Protocol[P, R_co]):
    """A function that measures its calls; made by `measured`.

    Attributes:
        energy: what its calls cost so far.
    """

    energy: Totals

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R_co:
        """Call the function."""
        ...


@overload
def measured(function: Callable[P, R], /) -> Measured[P, R]: ...


@overload
def measured(
    *, label: str | None = None, scope: Scope | None = None, meter: str = "auto"
) -> Callable[[Callable[P, R]], Measured[P, R]]: ...


def measured(
    function: Callable[P, R] | None = None,
    /,
    *,
    label: str | None = None,
    scope: Scope | None = None,
    meter: str = "auto",
) -> Measured[P, R] | Callable[[Callable[P, R]], Measured[P, R]]:
    """Have every call of a function measured; its attribute ``energy`` has their sum.

    Args:
        function: a function, method or coroutine function.
        label: what its measurements are called; by default its qualified name.
        scope: as for `measure`; a coroutine function's is always ``"task"``.
        meter: as for `greenlithops.energy.select_meter`.

    Raises:
        UsageError: it is a generator, whose work is done while others iterate; it is not a function
            (``@staticmethod`` and its like go above this); or it cannot have this scope.
    """

    def decorate(function: Callable[P, R]) -> Measured[P, R]:
        name = label or str(getattr(function, "__qualname__", function))
        given: Any = function  # programs without types pass anything
        if isinstance(given, staticmethod | classmethod):
            raise UsageError(
                f"{name} is no function: put @measured next to the function, and "
                f"@{type(given).__name__} above it"
            )
        if not callable(given):
            raise UsageError(f"{given!r} is no function, so it has no calls to measure")
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            raise UsageError(f"{name} is a generator: measure the block that iterates over it")
        if inspect.iscoroutinefunction(function):
            if scope not in {None, "task"}:
                raise UsageError(f"the scope of a coroutine function is 'task', not {scope!r}")
            return cast("Measured[P, R]", _measured_coroutine(function, name, meter))
        measure(scope=scope)  # checks it
        return _measured_function(function, name, scope, meter)

    return decorate if function is None else decorate(function)


def _measured_function(
    function: Callable[P, R], name: str, scope: Scope | None, meter: str
) -> Measured[P, R]:
    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        block = Measurement(name, scope, meter)
        block.when_known(wrapper.energy.add)
        with block:
            return function(*args, **kwargs)

    wrapper: Any = call
    wrapper.energy = Totals()
    return cast("Measured[P, R]", wrapper)


def _measured_coroutine(function: Callable[P, Any], name: str, meter: str) -> Any:
    @functools.wraps(function)
    async def call(*args: P.args, **kwargs: P.kwargs) -> Any:
        block = Measurement(name, "task", meter)
        block.when_known(wrapper.energy.add)
        return await block.steps_of(function(*args, **kwargs))

    wrapper: Any = call
    wrapper.energy = Totals()
    return wrapper
