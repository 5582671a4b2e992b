"""Conditions, events and barriers between threads and processes."""

import threading
import time

import pytest

import greenlithops.multiprocessing as mp
from support.scripts import LIMIT
from support.shared import waiters


def start(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def join(threads):
    for thread in threads:
        thread.join(LIMIT)
    assert not any(thread.is_alive() for thread in threads)


@pytest.mark.parametrize("lock", [None, "Lock", "RLock"])
def test_a_condition_wakes_as_many_as_it_is_told(lock):
    condition = mp.Condition(getattr(mp, lock)() if lock else None)
    woken = []

    def wait():
        with condition:
            woken.append(condition.wait(LIMIT))

    threads = [start(wait) for _ in range(4)]
    while waiters(condition) < 4:
        time.sleep(0.01)
    with condition:
        condition.notify(2)
    while len(woken) < 2:
        time.sleep(0.01)
    assert waiters(condition) == 2
    with condition:
        condition.notify_all()
    join(threads)
    assert woken == [True] * 4


def test_a_condition_needs_its_lock():
    condition = mp.Condition()
    for call in (condition.wait, condition.notify, condition.notify_all):
        with pytest.raises(AssertionError, match="held"):
            call()
    with condition:
        assert condition.wait(0.1) is False
        assert condition.wait_for(lambda: False, 0.1) is False
        assert condition.wait_for(lambda: 5, 0.1) == 5


def test_a_condition_gives_back_all_holds_of_a_recursive_lock():
    condition = mp.Condition()
    with condition:
        with condition:
            other = start(lambda: (condition.acquire(), condition.notify(), condition.release()))
            assert condition.wait(LIMIT)
        assert condition._lock.is_mine()
    assert not condition._lock.is_mine()
    join([other])


def take_turns(condition, value, mine, queue):
    for _ in range(10):
        with condition:
            condition.wait_for(lambda: value.qsize() % 2 == mine)
            value.put(mine)
            condition.notify_all()
    queue.put(mine)


def test_processes_take_turns():
    condition, value, queue = mp.Condition(), mp.Queue(), mp.Queue()
    processes = [
        mp.Process(target=take_turns, args=(condition, value, mine, queue)) for mine in (0, 1)
    ]
    for process in processes:
        process.start()
    assert {queue.get(timeout=LIMIT), queue.get(timeout=LIMIT)} == {0, 1}
    for process in processes:
        process.join(LIMIT)
        process.close()
    assert [value.get() for _ in range(20)] == [0, 1] * 10


def test_an_event_wakes_all():
    event = mp.Event()
    assert not event.is_set()
    assert event.wait(0.1) is False
    seen = []
    threads = [start(lambda: seen.append(event.wait(LIMIT))) for _ in range(5)]
    while waiters(event) < 5:
        time.sleep(0.01)
    event.set()
    join(threads)
    assert seen == [True] * 5
    assert event.is_set()
    assert event.wait(0)
    event.clear()
    assert event.wait(0) is False


@pytest.mark.parametrize("acting", [False, True])
def test_a_barrier_lets_all_go_at_once(acting):
    done, indices = [], []
    barrier = mp.Barrier(3, action=(lambda: done.append(len(done))) if acting else None)
    threads = [
        start(lambda: indices.append([barrier.wait(LIMIT) for _ in range(20)])) for _ in range(3)
    ]
    join(threads)
    assert all(sorted(round_) == [0, 1, 2] for round_ in zip(*indices, strict=True))
    assert done == (list(range(20)) if acting else [])
    assert (barrier.parties, barrier.n_waiting, barrier.broken) == (3, 0, False)


def test_a_barrier_breaks_for_all_when_ones_time_is_up():
    barrier, broken = mp.Barrier(3), []

    def wait(seconds):
        try:
            barrier.wait(seconds)
        except threading.BrokenBarrierError:
            broken.append(seconds)

    join([start(wait, 30), start(wait, 0.3)])
    assert sorted(broken) == [0.3, 30]
    assert barrier.broken
    with pytest.raises(threading.BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert not barrier.broken
    waiting = start(wait, 31)
    while barrier.n_waiting == 0:
        time.sleep(0.01)
    barrier.abort()
    join([waiting])
    assert broken[-1] == 31
    with pytest.raises(ValueError, match="parties"):
        mp.Barrier(0)


def test_a_barriers_action_that_fails_breaks_it():
    barrier = mp.Barrier(1, action=lambda: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        barrier.wait()
    assert barrier.broken
