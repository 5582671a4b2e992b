"""What the standard library's executors promise, held by ours."""

import asyncio
import concurrent.futures
import itertools
import threading
import time

import pytest

from greenlithops.errors import FunctionNotSerializable
from support.clock import BUSY
from support.disasters import hold, square


def nap(seconds):
    time.sleep(seconds)
    return seconds


def divide(a, b):
    return a // b


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
    assert list(warm.map(hold, [tmp_path, tmp_path], timeout=BUSY)) == [tmp_path.name] * 2
    results = warm.map(hold, [tmp_path / "go"], timeout=0.2)
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
