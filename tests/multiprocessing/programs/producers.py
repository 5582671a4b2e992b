"""Producers and consumers over a JoinableQueue, ended by sentinels."""

import multiprocessing as mp


def produce(queue, first):
    for number in range(first, first + 20):
        queue.put(number)


def consume(queue, results):
    while (number := queue.get()) is not None:
        results.put(number * number)
        queue.task_done()
    queue.task_done()


if __name__ == "__main__":
    tasks, results = mp.JoinableQueue(maxsize=5), mp.Queue()
    consumers = [mp.Process(target=consume, args=(tasks, results)) for _ in range(2)]
    producers = [mp.Process(target=produce, args=(tasks, first)) for first in (0, 100)]
    for process in consumers + producers:
        process.start()
    for process in producers:
        process.join()
    for _ in consumers:
        tasks.put(None)
    tasks.join()
    print(sorted(results.get() for _ in range(40)))
    for process in consumers:
        process.join()
        print(process.name, process.exitcode)
