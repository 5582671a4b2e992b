"""No `if __name__ == "__main__"`: works where children are forked, and here."""

import multiprocessing as mp

FACTOR = 3


def scale(number):
    return number * FACTOR


FACTOR = 5
mp.set_start_method("fork")
with mp.Pool(2) as pool:
    print(pool.map(scale, range(5)))
queue = mp.Queue()
process = mp.Process(target=lambda: queue.put(FACTOR))
process.start()
print(queue.get())
process.join()
