"""Listener and Client, Barrier, Condition, Event and semaphores."""

import multiprocessing as mp
import threading
from multiprocessing.connection import Client, Listener


def call(address, number):
    with Client(address, authkey=b"secret") as connection:
        connection.send(number)
        print("client got", connection.recv(), flush=True)


def phase(barrier, condition, flag, gate, results):
    barrier.wait()
    with condition:
        condition.wait_for(flag.is_set)
    with gate:
        results.put("through")


if __name__ == "__main__":
    with Listener(authkey=b"secret") as listener:
        client = mp.Process(target=call, args=(listener.address, 5))
        client.start()
        with listener.accept() as connection:
            connection.send(connection.recv() * 2)
        client.join()
    barrier, condition, flag = mp.Barrier(4), mp.Condition(), mp.Event()
    gate, results = mp.BoundedSemaphore(2), mp.Queue()
    args = (barrier, condition, flag, gate, results)
    processes = [mp.Process(target=phase, args=args) for _ in range(3)]
    for process in processes:
        process.start()
    print(barrier.parties, barrier.wait() in range(4), barrier.broken, flag.wait(0.01))
    with condition:
        flag.set()
        condition.notify_all()
    print([results.get() for _ in processes])
    for process in processes:
        process.join()
    try:
        gate.release()
    except ValueError as error:
        print(error)
    lock, again = mp.Lock(), mp.RLock()
    print(lock.acquire(), lock.acquire(block=False), lock.acquire(timeout=0.01), lock.release())
    print(again.acquire(), again.acquire(), again.release(), again.release())
    try:
        again.release()
    except AssertionError as error:
        print(error)
    barrier.abort()
    try:
        barrier.wait(1)
    except threading.BrokenBarrierError as error:
        print(type(error).__name__)
