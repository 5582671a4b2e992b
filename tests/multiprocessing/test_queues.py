"""Queues between processes: every item once, in order, whoever dies."""

import os
import queue
import signal
import threading
import time
from dataclasses import dataclass

import pytest
import redis

import greenlithops.multiprocessing as mp
from greenlithops.errors import ProtocolError, StateLost
from greenlithops.multiprocessing import config
from greenlithops.multiprocessing import session as sessions
from support.scripts import LIMIT
from support.servers import start_valkey
from support.shared import waiters


@dataclass
class Point:
    x: int


def echo(inbox, outbox):
    while (item := inbox.get()) is not None:
        outbox.put(item)


def write_for_ever(items, first):
    number = 0
    while True:
        items.put((first, number, b"x" * 5000))
        number += 1


def start(function, *args):
    thread = threading.Thread(target=function, args=args)
    thread.start()
    return thread


def test_items_come_out_in_order_and_unchanged():
    items = mp.Queue()
    given = [1, "two", None, {"three": [4.0]}, Point(5), b"x" * 200_000, (lambda x: x + 1)]
    for item in given:
        items.put(item)
    assert items.qsize() == len(given)
    assert not items.empty()
    got = [items.get() for _ in given]
    assert got[:-1] == given[:-1]
    assert got[-1](1) == 2
    assert items.empty()
    assert items.qsize() == 0


def test_who_waits_gets_what_comes():
    items = mp.Queue()
    with pytest.raises(queue.Empty):
        items.get_nowait()
    with pytest.raises(queue.Empty):
        items.get(timeout=0.1)
    later = start(lambda: (time.sleep(0.3), items.put("late")))
    assert items.get(timeout=LIMIT) == "late"
    later.join()


def test_a_full_queue_refuses_or_waits():
    items = mp.Queue(2)
    items.put(1)
    assert not items.full()
    items.put(2)
    assert items.full()
    with pytest.raises(queue.Full):
        items.put_nowait(3)
    with pytest.raises(queue.Full):
        items.put(3, timeout=0.1)
    later = start(lambda: (time.sleep(0.3), items.get()))
    items.put(3, timeout=LIMIT)
    later.join()
    assert [items.get(), items.get()] == [2, 3]
    assert items.empty()


@pytest.mark.parametrize("size", [0, 3])
def test_every_item_arrives_once(size):
    items, got = mp.Queue(size), []
    writers = [start(lambda w=w: [items.put((w, n)) for n in range(150)]) for w in range(3)]
    readers = [start(lambda: got.extend([items.get() for _ in range(150)])) for _ in range(3)]
    for thread in writers + readers:
        thread.join(LIMIT)
    assert len(got) == 450
    assert set(got) == {(w, n) for w in range(3) for n in range(150)}


def test_between_processes_classes_stay_themselves():
    inbox, outbox = mp.Queue(), mp.Queue()
    process = mp.Process(target=echo, args=(inbox, outbox))
    process.start()
    for item in (Point(1), [Point(2)], mp.Queue()):
        inbox.put(item)
    assert outbox.get(timeout=LIMIT) == Point(1)
    assert outbox.get() == [Point(2)]
    inner = outbox.get()
    inbox.put(None)
    inner.put("through")
    assert inner.get() == "through"
    process.join(LIMIT)
    process.close()


def test_tasks_of_a_joinable_queue():
    tasks = mp.JoinableQueue()
    for number in range(5):
        tasks.put(number)
    done = []

    def work():
        for _ in range(5):
            done.append(tasks.get())
            time.sleep(0.05)
            tasks.task_done()

    worker = start(work)
    tasks.join()
    assert done == list(range(5))
    worker.join()
    with pytest.raises(ValueError, match="too many times"):
        tasks.task_done()


def test_a_closed_queue_is_not_used():
    items = mp.Queue()
    with pytest.raises(ValueError, match="not closed"):
        items.join_thread()
    items.close()
    items.join_thread()
    items.cancel_join_thread()
    for call in (items.get, lambda: items.put(1)):
        with pytest.raises(ValueError, match="is closed"):
            call()
    with mp.SimpleQueue() as simple:
        simple.put(1)
        assert not simple.empty()
        assert simple.get() == 1


def test_the_death_of_a_writer_leaves_whole_items_only():
    items = mp.Queue()
    writer = mp.Process(target=write_for_ever, args=(items, "w"))
    writer.start()
    assert items.get(timeout=LIMIT)[1] == 0
    time.sleep(0.2)
    os.kill(writer.pid, signal.SIGKILL)
    writer.join(LIMIT)
    numbers = []
    while not items.empty():
        _, number, content = items.get()
        assert content == b"x" * 5000
        numbers.append(number)
    assert numbers == list(range(1, len(numbers) + 1))
    writer.close()


def test_a_reader_that_died_while_it_waited_takes_nothing(lease):
    items, ready = mp.Queue(), mp.Queue()
    reader = mp.Process(target=lambda: (ready.put(1), items.get()))
    reader.start()
    ready.get(timeout=LIMIT)
    while not waiters(items):
        time.sleep(0.01)
    os.kill(reader.pid, signal.SIGKILL)
    reader.join(LIMIT)
    time.sleep(lease + 0.5)
    items.put("kept")
    assert items.get(timeout=LIMIT) == "kept"
    reader.close()


def test_what_others_put_in_is_never_unpickled(configured):
    items = mp.Queue()
    items.put("ours")
    items.get()
    server = redis.Redis(**configured)
    server.rpush(f"{items._key}:i", b"x" * 16 + b"cos\nsystem\n(S'exit 1'\ntR.")
    server.close()
    with pytest.raises(ProtocolError, match="not written by us"):
        items.get()


@pytest.fixture
def own_server(server_guard, tmp_path):
    """A server that the test may kill."""
    server = start_valkey(tmp_path / "valkey", server_guard)
    host, _, port = server.endpoint.removeprefix("redis://").partition(":")
    section = {"redis": {"host": host, "port": int(port)}}
    config.set_parameter(config.LITHOPS_CONFIG, section)
    config.set_parameter(config.RECONNECT_TIME, LIMIT)
    yield server
    sessions.end()  # while there is a server that answers
    server.kill()


def test_a_server_that_comes_back_loses_and_doubles_nothing(own_server):
    items, got = mp.Queue(), []
    total = 400

    def write():
        for number in range(total):
            items.put(number)

    def read():
        while len(got) < total:
            got.append(items.get(timeout=LIMIT))

    threads = [start(write), start(read)]
    for _ in range(3):
        time.sleep(0.15)
        own_server.process.kill()
        time.sleep(0.3)
        own_server.process.start()
    for thread in threads:
        thread.join(LIMIT)
    assert got == list(range(total))


def test_a_server_that_comes_back_without_data_is_told(own_server):
    items, lock = mp.Queue(), mp.Lock()
    own_server.process.kill()
    for path in own_server.folder.glob("appendonlydir/*"):
        path.unlink()
    own_server.process.start()
    with pytest.raises(StateLost):
        items.get(timeout=LIMIT)
    with pytest.raises(StateLost):
        lock.acquire()
