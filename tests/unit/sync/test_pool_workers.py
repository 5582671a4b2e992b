"""How executors end, what their workers are, and what cannot be."""

import concurrent.futures
import functools
import gc
import multiprocessing
import os
import pickle
import signal
import time
import weakref
from concurrent.futures.process import BrokenProcessPool

import pytest

import greenlithops as gl
from greenlithops.errors import CallTimeout, UsageError, WorkerLost
from support.clock import BUSY
from support.disasters import hold, square


def nap(seconds):
    time.sleep(seconds)
    return seconds


def divide(a, b):
    return a // b


def kill_self():
    os.kill(os.getpid(), signal.SIGKILL)


def until(condition, seconds=BUSY):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


# Shutting down.


def test_after_shutdown_nothing_can_be_submitted():
    pool = gl.PoolExecutor(1, energy="off")
    future = pool.submit(nap, 0.1)
    pool.shutdown()
    assert future.done()
    with pytest.raises(RuntimeError, match="cannot schedule new futures after shutdown"):
        pool.submit(square, 1)
    pool.shutdown()
    assert repr(pool).endswith("shut down>")


def test_shutdown_need_not_wait(tmp_path):
    pool = gl.PoolExecutor(1, energy="off")
    futures = [pool.submit(hold, tmp_path / "go") for _ in range(3)]
    pool.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        pool.submit(square, 1)
    (tmp_path / "go").touch()
    assert [future.result(BUSY) for future in futures] == ["go"] * 3
    pool.shutdown(wait=True)


def test_shutdown_can_cancel_what_waits():
    pool = gl.PoolExecutor(2, energy="off")
    futures = [pool.submit(nap, 0.5) for _ in range(50)]
    pool.shutdown(cancel_futures=True)
    assert all(future.done() for future in futures)
    cancelled = [future for future in futures if future.cancelled()]
    assert len(cancelled) >= 40
    assert all(future.result() == 0.5 for future in futures if not future.cancelled())


def test_an_idle_pool_and_an_unused_one_end():
    with gl.PoolExecutor(2, energy="off") as pool:
        assert pool.submit(square, 2).result(BUSY) == 4
    gl.PoolExecutor(2, energy="off").shutdown()
    pool = gl.PoolExecutor(2, energy="off")
    del pool


def test_a_forgotten_pool_ends_its_calls():
    future = gl.PoolExecutor(1, energy="off").submit(nap, 0.1)
    assert future.result(BUSY) == 0.1


# Workers.


def test_a_lost_worker_fails_its_call_and_no_other(pool):
    future = pool.submit(kill_self)
    with pytest.raises(BrokenProcessPool) as raised:
        future.result(BUSY)
    assert isinstance(raised.value, WorkerLost)
    assert isinstance(raised.value, concurrent.futures.BrokenExecutor)
    assert raised.value.signal == signal.SIGKILL
    assert pool.submit(square, 3).result(BUSY) == 9


def remember(value):
    os.environ["REMEMBERED"] = value


def recall():
    return os.environ.get("REMEMBERED")


def test_an_initializer_runs_in_every_worker():
    with gl.PoolExecutor(2, initializer=remember, initargs=("x",), energy="off") as pool:
        assert {future.result(BUSY) for future in [pool.submit(recall) for _ in range(10)]} == {"x"}


class Thing:
    pass


def thing(_):
    return Thing()


def test_results_that_were_taken_are_not_kept():
    with gl.PoolExecutor(2, energy="off") as pool:
        for found in pool.map(thing, range(5)):
            kept = weakref.ref(found)
            del found
            gc.collect()
            assert until(lambda kept=kept: kept() is None)  # a thread may still let go of it


def test_it_takes_the_parameters_of_process_pool_executor():
    context = multiprocessing.get_context("spawn")
    with gl.PoolExecutor(1, context, remember, ("y",), max_tasks_per_child=5) as pool:
        assert pool.submit(recall).result(BUSY) == "y"
        assert pool._max_workers == 1


_connection, _cache, _offset, _unit = None, {}, 1, 1


def connect(name, offset):
    global _connection, _offset
    _connection, _offset = name, offset * _unit
    _cache["name"] = name


def use(x):
    return _connection, _cache.get("name"), x + _offset


def unit():
    return _unit


def use_through_another(x):
    return use(x)


def apply(function, x):
    return function(x)


class User:
    def __call__(self, x):
        return use(x)

    def method(self, x):
        return use(x)


def test_functions_see_the_globals_that_the_initializer_has_assigned():
    with gl.PoolExecutor(2, initializer=connect, initargs=("x", 5), energy="off") as pool:
        calls = (use, use_through_another, functools.partial(apply, use), User(), User().method)
        futures = [pool.submit(call, 1) for call in calls for _ in range(10)]
        assert {future.result(BUSY) for future in futures} == {("x", "x", 6)}
    assert _connection is None


def test_what_the_initializer_leaves_alone_is_what_it_is_at_the_submission(monkeypatch):
    with gl.PoolExecutor(1, initializer=connect, initargs=("x", 5), energy="off") as pool:
        assert pool.submit(unit).result(BUSY) == 1
        monkeypatch.setitem(globals(), "_unit", 2)
        assert pool.submit(unit).result(BUSY) == 2


def test_a_failing_initializer_breaks_the_pool():
    with gl.PoolExecutor(1, initializer=divide, initargs=(1, 0), energy="off") as pool:
        future = pool.submit(square, 1)
        with pytest.raises(BrokenProcessPool, match="ZeroDivisionError"):
            future.result(BUSY)
        with pytest.raises(BrokenProcessPool):
            pool.submit(square, 1)


def test_workers_are_replaced_after_so_many_calls():
    with gl.PoolExecutor(1, max_tasks_per_child=2, energy="off") as pool:
        pids = [pool.submit(os.getpid).result(BUSY) for _ in range(6)]
    assert len(set(pids)) == 3


def test_a_timeout_for_every_call():
    with gl.PoolExecutor(1, timeout=0.2, energy="off") as pool, pytest.raises(CallTimeout):
        pool.submit(nap, 600).result(BUSY)


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"max_workers": 0}, ValueError),
        ({"max_workers": -1}, UsageError),
        ({"initializer": 3}, TypeError),
        ({"max_tasks_per_child": "3"}, TypeError),
        ({"max_tasks_per_child": 0}, ValueError),
    ],
)
def test_what_cannot_be_is_refused(arguments, error):
    with pytest.raises(error):
        gl.PoolExecutor(**arguments)


def test_a_future_says_that_it_cannot_be_pickled(pool):
    future = pool.submit(abs, -1)
    with pytest.raises(TypeError, match=r"PoolExecutor cannot be pickled: pass on its result"):
        pickle.dumps(future)


def test_what_is_out_of_range_is_named_as_it_was_given():
    with pytest.raises(ValueError, match="max_tasks_per_child"):
        gl.PoolExecutor(max_tasks_per_child=0)
