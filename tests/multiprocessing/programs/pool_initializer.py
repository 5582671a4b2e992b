"""A pool whose workers share a counter and a lock, given by its initializer."""

import multiprocessing as mp

total = None


def begin(value, base):
    global total, offset
    total, offset = value, base


def add(number):
    with total.get_lock():
        total.value += number
    return number + offset


if __name__ == "__main__":
    value = mp.Value("i", 0)
    with mp.Pool(2, begin, (value, 1000)) as pool:
        print(pool.map(add, range(20)))
        print(sum(pool.imap_unordered(add, range(20), chunksize=3)))
        print(pool.starmap(pow, [(2, 5), (3, 2)]))
        print(pool.apply(add, (5,)))
        answer = pool.apply_async(divmod, (7, 0), error_callback=lambda e: print(type(e).__name__))
        answer.wait()
        print(answer.successful())
    print(value.value)
