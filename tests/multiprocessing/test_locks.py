"""Locks and semaphores between processes, and what becomes of what the dead held."""

import os
import signal
import threading
import time

import pytest
import redis

import greenlithops.multiprocessing as mp
from greenlithops.errors import StateLost, StateUnavailable
from greenlithops.multiprocessing import session as sessions
from support.clock import BUSY
from support.scripts import LIMIT
from support.shared import waiters


def in_threads(count, function):
    threads = [threading.Thread(target=function) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT)
    assert not any(thread.is_alive() for thread in threads)


def add(lock, value, times):
    for _ in range(times):
        with lock:
            number = value.get()
            time.sleep(0)
            value.put(number + 1)


def hold(lock, queue):
    lock.acquire()
    queue.put(os.getpid())
    time.sleep(100)


def test_a_lock_is_held_by_one():
    lock = mp.Lock()
    assert lock.acquire()
    assert not lock.acquire(block=False)
    before = time.monotonic()
    assert not lock.acquire(timeout=0.2)
    assert 0.15 < time.monotonic() - before < 0.2 + BUSY
    lock.release()
    with pytest.raises(ValueError, match="too many times"):
        lock.release()
    with lock:
        assert not lock.acquire(False)
    assert lock.acquire(timeout=0)
    lock.release()


def test_a_recursive_lock_belongs_to_a_thread():
    lock = mp.RLock()
    with lock, lock:
        tried = []
        in_threads(1, lambda: tried.append(lock.acquire(False)))
        assert tried == [False]
    with pytest.raises(AssertionError, match="not owned"):
        lock.release()
    in_threads(1, lambda: (lock.acquire(), lock.release()))


def test_nothing_is_lost_between_processes():
    lock, value = mp.Lock(), mp.Queue()
    value.put(0)
    processes = [mp.Process(target=add, args=(lock, value, 40)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT)
        assert process.exitcode == 0
        process.close()
    assert value.get() == 120


def test_semaphores_count():
    semaphore = mp.Semaphore(2)
    assert semaphore.acquire()
    assert semaphore.acquire()
    assert semaphore.get_value() == 0
    assert not semaphore.acquire(False)
    for _ in range(3):
        semaphore.release()
    assert semaphore.get_value() == 3
    bounded = mp.BoundedSemaphore(1)
    bounded.acquire()
    bounded.release()
    with pytest.raises(ValueError, match="too many times"):
        bounded.release()
    with pytest.raises(ValueError, match="0 or more"):
        mp.Semaphore(-1)


def test_no_more_than_so_many_hold_a_semaphore():
    semaphore, inside, most = mp.Semaphore(3), [], []

    def work():
        for _ in range(20):
            with semaphore:
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    in_threads(8, work)
    assert max(most) <= 3
    assert semaphore.get_value() == 3


def test_who_waits_first_is_served_first():
    lock, order = mp.Lock(), []
    lock.acquire()

    def wait(number):
        with lock:
            order.append(number)

    threads = []
    for number in range(5):
        threads.append(threading.Thread(target=wait, args=(number,)))
        threads[-1].start()
        while waiters(lock) <= number:
            time.sleep(0.01)
    lock.release()
    for thread in threads:
        thread.join(LIMIT)
    assert order == list(range(5))


@pytest.mark.parametrize("kind", ["Lock", "RLock", "Semaphore"])
def test_the_death_of_a_holder_frees_what_it_held(kind, lease):
    lock, queue = getattr(mp, kind)(), mp.Queue()
    holder = mp.Process(target=hold, args=(lock, queue))
    holder.start()
    pid = queue.get(timeout=LIMIT)
    assert not lock.acquire(timeout=1.5 * lease), "a holder that lives keeps it beyond its lease"
    os.kill(pid, signal.SIGKILL)
    before = time.monotonic()
    assert lock.acquire(timeout=LIMIT)
    assert time.monotonic() - before < lease + BUSY
    lock.release()
    assert lock.acquire(False)
    lock.release()
    holder.join(LIMIT)
    holder.close()


def test_a_holder_that_stood_still_is_told_that_it_lost_the_lock(lease):
    lock, queue, answer = mp.Lock(), mp.Queue(), mp.Queue()

    def stand_still():
        lock.acquire()
        queue.put(os.getpid())
        queue.get()
        try:
            lock.release()
        except StateLost as error:
            answer.put(type(error).__name__)

    holder = mp.Process(target=stand_still)
    holder.start()
    pid = queue.get(timeout=LIMIT)
    os.kill(pid, signal.SIGSTOP)
    assert lock.acquire(timeout=LIMIT)
    os.kill(pid, signal.SIGCONT)
    queue.put("go on")
    assert answer.get(timeout=LIMIT) == "StateLost"
    assert not lock.acquire(False), "it is still ours"
    lock.release()
    holder.join(LIMIT)
    holder.close()


def test_an_interrupted_wait_leaves_nothing_behind():
    lock = mp.Lock()
    lock.acquire()
    assert not lock.acquire(timeout=0.1)
    lock.release()
    # Whoever gave up must not be handed the lock.
    assert lock.acquire(timeout=BUSY)
    lock.release()


def test_the_death_of_the_embedded_server_is_told():
    lock = mp.Lock()
    os.kill(sessions._server.pid, signal.SIGKILL)
    with pytest.raises(StateUnavailable, match="ended"):
        lock.acquire()


def test_an_object_that_is_gone_is_told(configured):
    lock, queue, event = mp.Lock(), mp.Queue(), mp.Event()
    server = redis.Redis(**configured)
    server.flushall()
    server.close()
    for call in (lock.acquire, lock.release, queue.get, event.wait, lambda: queue.put(1)):
        with pytest.raises(StateLost, match="not on the state server"):
            call()
