"""The schedule of retries, without any clock."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

import greenlithops as gl
from greenlithops.dispatch.retry import as_policy
from greenlithops.errors import (
    ArgumentsNotSerializable,
    CallTimeout,
    ResultNotSerializable,
    UsageError,
    WorkerLost,
)


def test_delays_double_up_to_the_longest():
    policy = gl.RetryPolicy(delay=0.5, factor=2, max_delay=3, jitter=0)
    assert [policy.wait(attempt) for attempt in range(1, 7)] == [0.5, 1, 2, 3, 3, 3]


@given(
    delay=st.floats(0, 10),
    factor=st.floats(1, 5),
    longest=st.floats(0, 20),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 50),
    drawn=st.floats(0, 1),
)
def test_jitter_only_shortens(*, delay, factor, longest, jitter, attempt, drawn):
    policy = gl.RetryPolicy(delay=delay, factor=factor, max_delay=longest, jitter=jitter)
    full = policy.wait(attempt, lambda: 0.0)
    waits = policy.wait(attempt, lambda: drawn)
    assert full * (1 - jitter) - 1e-9 <= waits <= full + 1e-9
    assert 0 <= waits <= longest + 1e-9


def test_very_many_attempts_do_not_overflow():
    assert gl.RetryPolicy(attempts=10**6, max_delay=30, jitter=0).wait(5000) == 30


def test_attempts_are_counted_with_the_first():
    policy = gl.RetryPolicy(attempts=3)
    assert [policy.wants(ValueError(), attempt) for attempt in (1, 2, 3, 4)] == [
        True,
        True,
        False,
        False,
    ]
    assert not gl.RetryPolicy(attempts=1).wants(ValueError(), 1)


@pytest.mark.parametrize(
    ("error", "wanted"),
    [
        (ValueError(), True),
        (CallTimeout(), True),
        (WorkerLost(), True),
        (ArgumentsNotSerializable(), False),
        (ResultNotSerializable(), False),
        (UsageError(), False),
    ],
)
def test_what_would_only_happen_again_is_not_tried_again(error, wanted):
    assert gl.RetryPolicy().wants(error, 1) is wanted


def test_filters():
    assert gl.RetryPolicy(on=OSError).wants(ConnectionError(), 1)
    assert not gl.RetryPolicy(on=OSError).wants(ValueError(), 1)
    assert gl.RetryPolicy(on=(OSError, ValueError)).wants(ValueError(), 1)
    assert gl.RetryPolicy(on=lambda error: "x" in str(error)).wants(ValueError("x"), 1)
    assert not gl.RetryPolicy(on=lambda error: "x" in str(error)).wants(ValueError("y"), 1)


@pytest.mark.parametrize(
    "options",
    [
        {"attempts": 0},
        {"delay": -1},
        {"max_delay": -1},
        {"factor": 0.5},
        {"jitter": 1.5},
        {"jitter": -0.1},
        {"budget": -1},
    ],
)
def test_numbers_out_of_their_range(options):
    with pytest.raises(UsageError):
        gl.RetryPolicy(**options)


def test_what_retries_may_be():
    assert as_policy(None).attempts == 1
    assert as_policy(0).attempts == 1
    assert as_policy(4).attempts == 5
    policy = gl.RetryPolicy()
    assert as_policy(policy) is policy
    with pytest.raises(UsageError):
        as_policy(-1)
    with pytest.raises((UsageError, TypeError)):
        gl.AsyncExecutor(retries="three")
