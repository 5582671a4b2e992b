"""What users may say about calls and workers, checked once and turned into numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.modules import OWN, ModuleChoice
from greenlithops.dispatch.plan import describe, is_async
from greenlithops.errors import UsageError
from greenlithops.models import CallOptions

if TYPE_CHECKING:
    from greenlithops.dispatch.retry import RetryPolicy
    from greenlithops.protocols import Hook

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)(i?b)?\s*", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Options:
    """How calls are run."""

    timeout: float | None
    policy: RetryPolicy
    environment: tuple[tuple[str, str], ...]
    live_logs: bool = False
    modules: ModuleChoice = OWN
    energy_budget: float | None = None

    def wire(self) -> CallOptions:
        """Return the part of it that workers must know."""
        return CallOptions(self.timeout, self.environment, self.live_logs)


def checked_timeout(seconds: float | None) -> float | None:
    """Return a timeout in seconds.

    Raises:
        UsageError: it is not a positive number.
    """
    if seconds is not None and not (isinstance(seconds, (int, float)) and seconds > 0):
        raise UsageError(f"timeout must be a positive number of seconds, not {seconds!r}")
    return seconds


def checked_counts(**counts: int | None) -> None:
    """Check numbers that must be at least 1, where they are given.

    Raises:
        UsageError: one is less; the text names it.
    """
    for name, number in counts.items():
        if number is not None and not (isinstance(number, int) and number >= 1):
            raise UsageError(f"{name} must be a whole number of at least 1, not {number!r}")


def checked_hooks(hooks: Any) -> tuple[Hook, ...]:
    """Return hooks as a tuple.

    Raises:
        UsageError: they are not plain callables in a sequence.
    """
    if not isinstance(hooks, (list, tuple)) or not all(map(callable, hooks)):
        raise UsageError(f"hooks must be a list of functions of an event, not {hooks!r}")
    for hook in hooks:
        if is_async(hook):
            raise UsageError(
                f"{describe(hook)} is asynchronous, and hooks are called in a thread: make it a "
                "plain function, such as one that calls asyncio.run_coroutine_threadsafe"
            )
    return tuple(hooks)


def environment_items(variables: Any) -> tuple[tuple[str, str], ...]:
    """Return environment variables as they are set: ``True`` becomes ``"True"``.

    Raises:
        UsageError: a name is not a string, is empty or has a ``=``, a value is None or has a NUL.
    """
    if variables is not None and not isinstance(variables, Mapping):
        kind = type(variables).__name__
        raise UsageError(f"environment variables must be a mapping of names to values, not {kind}")
    for name, value in (variables or {}).items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            raise UsageError(f"{name!r} cannot be the name of an environment variable")
        if value is None:
            raise UsageError(f"the environment variable {name} is None: leave it out, or give ''")
    items = tuple((name, str(value)) for name, value in (variables or {}).items())
    for name, value in items:
        if "\0" in value:
            raise UsageError(f"the environment variable {name} cannot have a NUL in its value")
    return items


def byte_count(size: int | str) -> int:
    """Return a size in bytes: a number, or a text such as ``"512 MiB"`` (units of 1024).

    Raises:
        UsageError: it is neither.
    """
    if isinstance(size, int) and size > 0:
        return size
    match = _SIZE.fullmatch(size) if isinstance(size, str) else None
    if match is None:
        raise UsageError(f"{size!r} is not a size; write bytes, or a text such as '512 MiB'")
    number = int(float(match[1]) * _UNITS[match[2].lower()])
    if number < 1:
        raise UsageError(f"a size must be at least one byte, not {size!r}")
    return number


def working_directory() -> str:
    """Return where this process is.

    Raises:
        UsageError: that directory has been removed.
    """
    try:
        return os.getcwd()
    except FileNotFoundError as error:
        raise UsageError(
            "the working directory of this program, which is that of its calls, has been removed: "
            "change to another one first (os.chdir)"
        ) from error


def default_workers() -> int:
    """Return how many CPUs this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0)) or 1
    return os.cpu_count() or 1
