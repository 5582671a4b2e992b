"""Pool has the standard library's methods and meanings."""

import gc
import itertools
import os
import threading
import time

import pytest

import greenlithops.multiprocessing as mp
from greenlithops.errors import CallCancelled
from support.clock import BUSY
from support.scripts import LIMIT


def square(x):
    return x * x


def fail_at_three(x):
    if x == 3:
        raise ZeroDivisionError("three")
    return x


def add(x, y=0):
    return x + y


def nap(seconds):
    time.sleep(seconds)
    return seconds


def held(path):
    """Go on for as long as a file is there."""
    while path.exists():
        time.sleep(0.01)
    return path


def pid(_=None):
    time.sleep(0.01)
    return os.getpid()


_started = []


def start(mark):
    _started.append(mark)


def started(_):
    return os.getpid(), tuple(_started)


_lock = None


def hand_lock(lock):
    global _lock  # noqa: PLW0603 - how initializers hand things to functions
    _lock = lock


def locked(x):
    with _lock:
        return x


def variable(name):
    return os.environ.get(name)


async def later(x):
    return x + 1


@pytest.fixture
def holding(tmp_path):
    """A file that holds up who waits for its end."""
    path = tmp_path / "held"
    path.touch()
    return path


@pytest.fixture
def pool():
    with mp.Pool(2) as pool:
        yield pool
    pool.join()


def test_map_keeps_the_order_whatever_the_chunks(pool):
    expected = [square(x) for x in range(100)]
    assert pool.map(square, range(100)) == expected
    for size in (1, 7, 1000):
        assert pool.map(square, iter(range(100)), chunksize=size) == expected
    assert pool.map(square, []) == []
    assert pool.starmap(add, [(1, 2), (3, 4)]) == [3, 7]
    assert pool.map(lambda x: x + 1, [1, 2]) == [2, 3]
    assert pool.map(later, range(10)) == list(range(1, 11))


def test_apply_takes_arguments_by_position_and_name(pool):
    assert pool.apply(add, (1,), {"y": 2}) == 3
    assert pool.apply_async(add, (1, 2)).get(timeout=LIMIT) == 3
    assert pool.apply(add, args=[1], kwds={}) == 1


def test_the_error_of_a_call_is_raised(pool):
    with pytest.raises(ZeroDivisionError, match="three"):
        pool.map(fail_at_three, range(10))
    result = pool.map_async(fail_at_three, range(10))
    result.wait(LIMIT)
    assert result.ready()
    assert not result.successful()
    with pytest.raises(ZeroDivisionError):
        pool.apply(fail_at_three, (3,))


def test_a_result_that_is_not_there_yet(pool, holding):
    result = pool.apply_async(held, (holding,))
    assert not result.ready()
    with pytest.raises(ValueError, match="not ready"):
        result.successful()
    with pytest.raises(mp.TimeoutError):
        result.get(timeout=0.01)
    holding.unlink()
    assert result.get() == holding
    assert result.successful()


def test_callbacks_come_when_it_happens_without_anybody_asking(pool):
    good, bad = [], []
    came = threading.Event()
    pool.apply_async(square, (4,), callback=lambda v: (good.append(v), came.set()))
    assert came.wait(LIMIT)
    came.clear()
    pool.map_async(
        fail_at_three,
        range(5),
        callback=good.append,
        error_callback=lambda error: (bad.append(error), came.set()),
    )
    assert came.wait(LIMIT)
    assert good == [16]
    assert [type(error) for error in bad] == [ZeroDivisionError]
    result = pool.map_async(square, range(3), callback=good.append)
    result.wait()
    assert good == [16, [0, 1, 4]], "wait returns after the callback"


def test_imap_gives_results_in_order_and_as_they_come(pool, holding, tmp_path):
    assert list(pool.imap(square, range(50))) == [square(x) for x in range(50)]
    assert list(pool.imap(square, range(50), chunksize=7)) == [square(x) for x in range(50)]
    assert sorted(pool.imap_unordered(square, range(50))) == [square(x) for x in range(50)]
    results = pool.imap_unordered(held, [holding, tmp_path / "free"])
    assert next(results) == tmp_path / "free"
    holding.unlink()
    assert next(results) == holding


def test_imap_reads_an_endless_input_lazily(pool):
    taken = []

    def endless():
        for number in itertools.count():
            taken.append(number)
            yield number

    results = pool.imap(square, endless())
    assert [next(results) for _ in range(5)] == [0, 1, 4, 9, 16]
    assert len(taken) < 1000


def test_imap_raises_in_the_place_of_the_error_and_goes_on(pool):
    results = pool.imap(fail_at_three, range(5))
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ZeroDivisionError):
        next(results)
    assert list(results) == [4]


def test_imap_raises_what_the_input_raises(pool):
    def broken():
        yield 1
        raise LookupError("no more")

    results = pool.imap(square, broken())
    assert next(results) == 1
    with pytest.raises(LookupError, match="no more"):
        next(results)
    with pytest.raises(StopIteration):
        next(results)


def test_imap_can_be_waited_for_so_long(pool, holding):
    results = pool.imap(held, [holding])
    with pytest.raises(mp.TimeoutError):
        results.next(timeout=0.01)
    holding.unlink()
    assert results.next(timeout=LIMIT) == holding


def test_every_worker_is_initialized_once():
    with mp.Pool(2, start, ("x",)) as pool:
        seen = set(pool.map(started, range(200), chunksize=1))
    assert 1 <= len(seen) <= 2
    assert {marks for _, marks in seen} == {("x",)}
    pool.join()


def test_functions_see_what_the_initializer_has_assigned():
    with mp.Pool(2, hand_lock, (mp.Lock(),)) as pool:
        assert pool.map(locked, range(10)) == list(range(10))
        assert pool.apply(locked, (5,)) == 5
        assert list(pool.imap(locked, range(3))) == [0, 1, 2]
    pool.join()


def test_workers_are_replaced_after_so_many_tasks():
    with mp.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(pid) for _ in range(6)]
        assert len(set(pids)) == 3
        pids = pool.map(pid, range(8), chunksize=4)
        assert len(set(pids)) == 1, "a chunk is a task"
    pool.join()


def test_workers_know_who_they_are(pool):
    def about():
        me, parent = mp.current_process(), mp.parent_process()
        return me.name, parent.pid, parent.name, parent.is_alive()

    name, parent, parents_name, alive = pool.apply(about)
    assert name.startswith("PoolWorker-")
    assert (parent, parents_name, alive) == (os.getpid(), "MainProcess", True)


def test_a_program_whose_workers_are_threads_stays_itself():
    mp.config.set_parameter(mp.config.LITHOPS_CONFIG, {"backend": "inline"})
    me = mp.current_process().name
    with mp.Pool(1) as pool:
        assert pool.apply(abs, (-1,)) == 1
        pool.close()
        pool.join()
    assert (mp.current_process().name, mp.parent_process()) == (me, None)


def test_close_lets_what_was_given_end():
    pool = mp.Pool(2)
    result = pool.map_async(nap, [0.1] * 4, chunksize=1)
    lazily = pool.imap(square, range(500))
    pool.close()
    with pytest.raises(ValueError, match="not running"):
        pool.apply(square, (1,))
    with pytest.raises(ValueError, match="not running"):
        pool.map_async(square, [1])
    with pytest.raises(ValueError, match="not running"):
        pool.imap(square, [1])
    pool.join()
    assert result.get() == [0.1] * 4
    assert list(lazily) == [square(x) for x in range(500)]


def test_join_needs_close_first():
    pool = mp.Pool(1)
    with pytest.raises(ValueError, match="still running"):
        pool.join()
    pool.terminate()
    pool.join()


def test_terminate_ends_at_once_and_nobody_waits_for_ever():
    pool = mp.Pool(2)
    result = pool.map_async(nap, [100] * 8, chunksize=1)
    lazily = pool.imap(nap, itertools.repeat(100))
    time.sleep(0.3)
    before = time.monotonic()
    pool.terminate()
    pool.join()
    assert time.monotonic() - before < BUSY
    with pytest.raises(CallCancelled):
        result.get(timeout=LIMIT)
    with pytest.raises(CallCancelled):
        next(lazily)


def test_a_worker_that_dies_fails_its_call_and_the_pool_goes_on(pool):
    with pytest.raises(RuntimeError, match="status 5"):
        pool.apply(os._exit, (5,))
    assert pool.apply(square, (3,)) == 9


def test_an_initializer_that_fails_is_told():
    with mp.Pool(1, initializer=square, initargs=("x",)) as pool:
        result = pool.apply_async(square, (1,))
        with pytest.raises(RuntimeError, match="initializer"):
            result.get()
    pool.join()


def test_what_a_pool_refuses():
    with pytest.raises(ValueError, match="at least 1"):
        mp.Pool(0)
    with pytest.raises(ValueError, match="maxtasksperchild"):
        mp.Pool(1, maxtasksperchild=0)
    with pytest.raises(TypeError, match="callable"):
        mp.Pool(1, initializer=5)
    with mp.Pool(1) as pool:
        with pytest.raises(NotImplementedError):
            pool.__reduce__()
        with pytest.raises(ValueError, match="Chunksize"):
            pool.imap(square, [1], 0)
    pool.join()


def test_a_pool_that_is_forgotten_is_noticed():
    pool = mp.Pool(1)
    pool.apply(square, (2,))
    pools = [pool]
    del pool
    with pytest.warns(ResourceWarning, match="unclosed"):
        pools.clear()
    gc.collect()


def test_the_environment_of_workers_can_be_set():
    mp.config.set_parameter(mp.config.ENV_VARS, {"SAID": "so"})
    with mp.Pool(1) as pool:
        assert pool.apply(variable, ("SAID",)) == "so"
    pool.join()
