"""imap over an endless generator, broken off; workers that are replaced."""

import itertools
import multiprocessing as mp
import os


def triple(number):
    return number * 3


def who(_):
    return os.getpid()


if __name__ == "__main__":
    with mp.Pool(2) as pool:
        for value in pool.imap(triple, itertools.islice(itertools.count(), 100_000), chunksize=10):
            if value > 60:
                print("enough", value)
                break
        try:
            list(pool.imap(triple, (1 // (2 - n) for n in range(5))))
        except ZeroDivisionError as error:
            print(error)
    with mp.Pool(1, maxtasksperchild=2) as pool:
        pids = [pool.apply(who, (None,)) for _ in range(6)]
        print([pids.index(pid) for pid in pids])
    with mp.Pool(2) as pool:
        result = pool.map_async(triple, range(10), callback=lambda r: print("callback", r))
        print(result.get(timeout=60))
        pool.close()
        pool.join()
        try:
            pool.map(triple, [1])
        except ValueError as error:
            print(error)
