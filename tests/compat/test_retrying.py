"""Retries, as programs for Lithops ask for them."""

import time
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.errors import UsageError
from support.clock import BUSY


def echo(x):
    return x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def fails_until(count, folder, x):
    mark = Path(folder) / f"{x}-{time.time_ns()}"
    mark.touch()
    if len(list(Path(folder).glob(f"{x}-*"))) < count:
        raise RuntimeError(f"not yet {x}")
    return x


def attempts(folder, x):
    return len(list(folder.glob(f"{x}-*")))


def test_failed_calls_are_tried_again_at_once(tmp_path):
    fexec = gl.FunctionExecutor(max_workers=2, energy="off")
    with gl.RetryingFunctionExecutor(fexec) as retrying:
        calls = retrying.map(fails_until, [(3, str(tmp_path), 1), (1, str(tmp_path), 2)], retries=2)
        assert [call.result() for call in calls] == [1, 2]  # nobody has waited
        done, pending = retrying.wait(calls)
        assert (done, pending) == (calls, [])
        assert [attempts(tmp_path, n) for n in (1, 2)] == [3, 1]
        assert [call.failure_count for call in calls] == [2, 0]
        assert calls[0].retries == 2
        assert calls[0].input == (3, str(tmp_path), 1)
        assert calls[0].map_kwargs["timeout"] is None
        assert calls[0].done
        assert not calls[0].error
        assert calls[0].stats["worker_func_exec_time"] >= 0
        retrying.clean()


def test_an_error_is_raised_when_the_attempts_are_used_up(tmp_path):
    fexec = gl.FunctionExecutor(max_workers=1, energy="off", config={"lithops": {"retries": 1}})
    with gl.RetryingFunctionExecutor(fexec) as retrying:
        calls = retrying.map(fails_until, [(5, str(tmp_path), 1)])
        with pytest.raises(RuntimeError, match="not yet 1"):
            retrying.wait(calls)
        assert attempts(tmp_path, 1) == 2
        done, _ = retrying.wait(calls, throw_except=False)
        assert done[0].error
        assert calls[0].failure_count == 2  # however often one has waited
        with pytest.raises(RuntimeError, match="not yet 1"):
            calls[0].status()


class Ended:
    """A call as somebody else's executor tells it."""

    error, done = False, True


def test_a_retrying_future_counts_for_any_executor():
    future = gl.RetryingFuture(Ended(), echo, 1, retries=1)
    counted = []
    while future._should_retry():
        future._inc_failure_count()
        counted.append(future.failure_count)
    assert counted == [1, 2]


class Plain:
    """An executor that has nothing but Lithops' methods."""

    def __init__(self, executor):
        self.map, self.wait, self.config = executor.map, executor.wait, executor.config


def test_another_executor_is_made_to_try_again(tmp_path, fexec):
    retrying = gl.RetryingFunctionExecutor(Plain(fexec))
    calls = retrying.map(fails_until, [(2, str(tmp_path), 1), (9, str(tmp_path), 2)], retries=1)
    done, pending = retrying.wait(calls, throw_except=False)
    assert pending == []
    assert [call.error for call in done] == [False, True]
    assert [attempts(tmp_path, n) for n in (1, 2)] == [2, 2]
    with pytest.raises(RuntimeError, match="not yet 2"):
        retrying.wait(calls)


def test_a_call_that_is_given_up_is_not_tried_again(tmp_path, fexec):
    retrying = gl.RetryingFunctionExecutor(fexec)
    calls = retrying.map(nap, [30], retries=5)
    calls[0].cancel()
    done, _ = retrying.wait(calls, timeout=BUSY)
    assert done == calls
    assert calls[0].cancelled
    with pytest.raises(UsageError, match="retries"):
        retrying.map(echo, [1], retries=-1)
