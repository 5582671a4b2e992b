"""When a failed call is tried again: a frozen policy and its schedule, without any clock."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from greenlithops.errors import SerializationError, UsageError

Filter = type[BaseException] | tuple[type[BaseException], ...] | Callable[[BaseException], bool]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often, when and why a failed call is run again.

    Args:
        attempts: how often a call runs at most, the first time included; 1 means no retries.
        delay: seconds before the second attempt.
        factor: each further delay is this many times the one before.
        max_delay: seconds that no delay exceeds.
        jitter: the share of a delay that is random, 0 to 1, so that calls that failed together
            do not come back together.
        on: which errors are worth another attempt: exception types, or a function of the
            exception. By default every error but those of serialization, which would only
            happen again.
        budget: how many retries all calls of a job may use together, or None for no limit.

    Raises:
        UsageError: a number is out of its range.
    """

    attempts: int = 3
    delay: float = 0.1
    factor: float = 2.0
    max_delay: float = 30.0
    jitter: float = 0.5
    on: Filter | None = None
    budget: int | None = None

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise UsageError(f"attempts must be at least 1, not {self.attempts}")
        if self.delay < 0 or self.max_delay < 0 or self.factor < 1:
            raise UsageError("delay and max_delay must not be negative, factor not less than 1")
        if not 0 <= self.jitter <= 1:
            raise UsageError(f"jitter is a share between 0 and 1, not {self.jitter}")
        if self.budget is not None and self.budget < 0:
            raise UsageError(f"budget must not be negative, not {self.budget}")
        kinds = self.on if isinstance(self.on, tuple) else (self.on,)
        if not (self.on is None or all(map(_is_error_type, kinds)) or _is_test(self.on)):
            raise UsageError(
                "on must be an exception type, a tuple of them, or a function of the exception, "
                f"not {self.on!r}"
            )

    def wants(self, error: BaseException, attempt: int) -> bool:
        """Return whether a call that failed at its `attempt`-th run (from 1) runs again."""
        if attempt >= self.attempts:
            return False
        if self.on is None:
            return not isinstance(error, (SerializationError, UsageError))
        if isinstance(self.on, (type, tuple)):
            return isinstance(error, self.on)
        return bool(self.on(error))

    def wait(self, attempt: int, draw: Callable[[], float] = random.random) -> float:
        """Return the seconds between the `attempt`-th run (from 1) and the next one.

        Args:
            attempt: how often the call has run.
            draw: gives a number between 0 and 1; for tests.
        """
        try:
            full = min(self.max_delay, self.delay * self.factor ** (attempt - 1))
        except OverflowError:
            full = self.max_delay if self.delay else 0.0
        return full * (1 - self.jitter * draw())


def _is_error_type(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseException)


def _is_test(on: object) -> bool:
    return callable(on) and not isinstance(on, type)


def as_policy(retries: object) -> RetryPolicy:
    """Return the policy that a `retries` argument stands for: a number means extra attempts."""
    if retries is None:
        return RetryPolicy(attempts=1)
    if not isinstance(retries, (int, RetryPolicy)):
        kind = type(retries).__name__
        raise UsageError(f"retries must be a number or a RetryPolicy, not {kind}")
    if isinstance(retries, int):
        if retries < 0:
            raise UsageError(f"retries must not be negative, not {retries}")
        return RetryPolicy(attempts=retries + 1)
    return retries
