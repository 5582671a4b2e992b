"""Processes that have pools, and processes within processes."""

import multiprocessing as mp


def square(number):
    return number * number


def many(count, queue):
    with mp.Pool(2) as pool:
        queue.put(pool.map(square, range(count)))


def grandparent(queue):
    child = mp.Process(target=many, args=(3, queue))
    child.start()
    child.join()
    print("grandchild", child.exitcode, mp.parent_process().name)


if __name__ == "__main__":
    queue = mp.Queue()
    child = mp.Process(target=many, args=(5, queue))
    child.start()
    print(queue.get())
    child.join()
    child = mp.Process(target=grandparent, args=(queue,))
    child.start()
    child.join()
    print(queue.get())
    print(child.exitcode)
