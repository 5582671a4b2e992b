"""What the standard library's executors promise, held by ours."""

import asyncio
import concurrent.futures
import functools
import gc
import itertools
import multiprocessing
import os
import pickle
import signal
import threading
import time
import weakref
from concurrent.futures.process import BrokenProcessPool

import pytest

import greenlithops as gl
from greenlithops.errors import CallTimeout, FunctionNotSerializable, UsageError, WorkerLost
from support.clock import BUSY
from support.disasters import hold


def square(x):
    return x * x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def divide(a, b):
    return a // b


def kill_self(_=None):
    os.kill(os.getpid(), signal.SIGKILL)


def until(condition, seconds=BUSY):
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.005)
    return condition()


@pytest.fixture
def warm(pool):
    """A pool that is open: opening it blocks for a moment."""
    pool.submit(square, 1).result(BUSY)
    return pool


# Submitting.


def test_a_call_gives_a_standard_future(pool):
    future = pool.submit(divide, 7, b=2)
    assert isinstance(pool, concurrent.futures.Executor)
    assert isinstance(future, concurrent.futures.Future)
    assert future.result(BUSY) == 3
    assert future.done()
    assert future.exception() is None
    assert not future.running()
    assert not future.cancelled()
    assert not future.cancel()


def test_self_and_fn_can_be_keywords(pool):
    def keywords(**kwargs):
        return kwargs

    assert pool.submit(keywords, self=1, fn=2).result(BUSY) == {"self": 1, "fn": 2}


def test_an_error_is_raised_where_it_is_asked_for(pool):
    future = pool.submit(divide, 1, 0)
    with pytest.raises(ZeroDivisionError) as raised:
        future.result(BUSY)
    assert "divide" in "".join(raised.value.__notes__)
    assert isinstance(future.exception(), ZeroDivisionError)


def test_what_cannot_be_pickled_fails_its_own_call(pool):
    lock = threading.Lock()
    with pytest.raises(FunctionNotSerializable):
        pool.submit(lambda: lock).result(BUSY)
    assert pool.submit(square, 3).result(BUSY) == 9


def test_a_result_that_is_not_there_in_time(pool, tmp_path):
    future = pool.submit(hold, tmp_path / "go")
    with pytest.raises(TimeoutError):
        future.result(0.05)
    with pytest.raises(TimeoutError):
        future.exception(0.05)
    (tmp_path / "go").touch()
    assert future.result(BUSY) == "go"


def test_many_threads_submit(pool):
    results = []

    def submit(x):
        results.append(pool.submit(square, x).result(BUSY))

    threads = [threading.Thread(target=submit, args=(x,)) for x in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert sorted(results) == [x * x for x in range(100)]


def test_many_calls(pool):
    futures = [pool.submit(square, x) for x in range(5000)]
    assert [future.result(BUSY) for future in futures] == [x * x for x in range(5000)]


# Cancelling.


def test_a_waiting_call_can_be_cancelled_and_a_running_one_not(pool, tmp_path):
    running = [pool.submit(hold, tmp_path / "go") for _ in range(2)]
    waiting = [pool.submit(hold, tmp_path / "go") for _ in range(4)]
    assert until(running[0].running)
    assert not running[0].cancel()
    assert waiting[3].cancel()
    assert waiting[3].cancelled()
    assert waiting[3].done()
    with pytest.raises(concurrent.futures.CancelledError):
        waiting[3].result()
    done, not_done = concurrent.futures.wait(waiting[3:], timeout=BUSY)
    assert (len(done), len(not_done)) == (1, 0)
    (tmp_path / "go").touch()
    assert running[0].result(BUSY) == "go"


def test_what_was_cancelled_does_not_run(pool, tmp_path):
    blocking = [pool.submit(hold, tmp_path / "go") for _ in range(2)]
    assert until(lambda: all(future.running() for future in blocking))
    marks = [tmp_path / str(x) for x in range(6)]
    futures = [pool.submit(mark.touch) for mark in marks]
    assert all(future.cancel() for future in futures[3:])
    (tmp_path / "go").touch()
    concurrent.futures.wait(futures, timeout=BUSY)
    assert not any(mark.exists() for mark in marks[3:])


# Waiting.


def test_wait_and_as_completed(pool, tmp_path):
    fast, slow = pool.submit(nap, 0.01), pool.submit(hold, tmp_path / "go")
    done, not_done = concurrent.futures.wait([fast, slow], return_when="FIRST_COMPLETED")
    assert (done, not_done) == ({fast}, {slow})
    (tmp_path / "go").touch()
    assert list(concurrent.futures.as_completed([slow, fast], timeout=BUSY)) == [fast, slow]
    bad = pool.submit(divide, 1, 0)
    late = pool.submit(hold, tmp_path / "later")
    done, not_done = concurrent.futures.wait([bad, late], return_when="FIRST_EXCEPTION")
    assert (done, not_done) == ({bad}, {late})
    with pytest.raises(TimeoutError):
        list(concurrent.futures.as_completed([late], timeout=0.05))
    (tmp_path / "later").touch()
    done, not_done = concurrent.futures.wait([late], timeout=BUSY)
    assert not not_done


def test_callbacks_are_called_and_may_block_and_wait(pool):
    seen = []
    came = threading.Event()

    def callback(future):
        seen.append(future.result() + pool.submit(square, 3).result(BUSY))
        came.set()

    future = pool.submit(nap, 0.05)
    future.add_done_callback(callback)
    assert came.wait(BUSY)
    assert seen == [9.05]
    future.add_done_callback(seen.append)
    assert seen[1] is future
    assert until(lambda: not _callback_threads())


def _callback_threads():
    return [t for t in threading.enumerate() if t.name == "greenlithops-callbacks"]


async def test_it_is_taken_by_asyncio(warm):
    pool = warm
    loop = asyncio.get_running_loop()
    assert await loop.run_in_executor(pool, square, 4) == 16
    assert await asyncio.wrap_future(pool.submit(square, 5)) == 25
    results = await asyncio.gather(*(loop.run_in_executor(pool, square, x) for x in range(50)))
    assert results == [x * x for x in range(50)]
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(pool, divide, 1, 0)


# Mapping.


def test_map_keeps_the_order_and_stops_at_the_shortest(pool):
    assert list(pool.map(divide, [9, 8, 7, 6], [1, 2, 3])) == [9, 4, 2]
    assert list(pool.map(square, range(2000), chunksize=10)) == [x * x for x in range(2000)]
    assert list(pool.map(square, [])) == []


def test_map_submits_at_once_and_raises_when_it_is_the_turn(pool):
    taken = []

    def numbers():
        for x in (2, 1, 0, 1):
            taken.append(x)
            yield x

    results = pool.map(divide, itertools.repeat(4), numbers())
    assert taken == [2, 1, 0, 1]
    assert next(results) == 2
    assert next(results) == 4
    with pytest.raises(ZeroDivisionError):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_map_gives_up_when_the_time_is_up(warm, tmp_path):
    results = warm.map(hold, [tmp_path, tmp_path, tmp_path / "go"], timeout=2)
    assert [next(results), next(results)] == [tmp_path.name] * 2
    with pytest.raises(TimeoutError):
        next(results)
    (tmp_path / "go").touch()


def test_map_with_a_buffer_takes_as_results_are_taken(pool):
    taken = []

    def numbers():
        for x in itertools.count():
            taken.append(x)
            yield x

    results = pool.map(square, numbers(), buffersize=3)
    assert taken == [0, 1, 2]
    assert [next(results) for _ in range(4)] == [0, 1, 4, 9]
    assert len(taken) == 7
    results.close()


def test_a_closed_map_cancels_the_rest(pool, tmp_path):
    def mark(x):
        if x:
            hold(tmp_path / "go")
        (tmp_path / str(x)).touch()
        return x

    results = pool.map(mark, range(20))
    assert next(results) == 0
    results.close()
    (tmp_path / "go").touch()
    pool.shutdown()
    assert len(list(tmp_path.iterdir())) < 12


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"chunksize": 0}, ValueError),
        ({"buffersize": 0}, ValueError),
        ({"buffersize": "3"}, TypeError),
    ],
)
def test_map_refuses_what_the_standard_refuses(pool, arguments, error):
    with pytest.raises(error):
        pool.map(square, [1], **arguments)


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
            assert kept() is None


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
