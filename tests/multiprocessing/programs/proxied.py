"""Methods of a manager's objects as functions, and proxies as libraries look at them."""

from multiprocessing import Manager, Pool, Queue
from multiprocessing.managers import BaseProxy

if __name__ == "__main__":
    with Manager() as manager, Pool(2) as pool:
        queue, event, words, counts = (
            *(manager.Queue(), manager.Event()),
            *(manager.list(), manager.dict()),
        )
        pool.map(queue.put, range(10))
        print(sorted(queue.get() for _ in range(10)))
        pool.apply(event.set)
        pool.map(words.append, "abc")
        pool.starmap(counts.__setitem__, [("x", 1), ("y", 2)])
        print(event.is_set(), sorted(words), sorted(counts.items()))
        about = manager.Namespace(a=1, b=[2])
        others = [manager.Value("i", 7), about]
        print([isinstance(proxy, BaseProxy) for proxy in (words, counts, *others)])
        print(type(words._getvalue()), counts._callmethod("get", ("x",)), about._getvalue())
        print(words._callmethod("__len__"), [type(proxy).__name__ for proxy in others])
        print(words.append == words.append, words.append == words.extend)
    ours = Queue()
    print(ours.get == ours.get, ours.empty())
    ours.put(1)
    print(ours.get())
    ours.close()
    ours.join_thread()
    try:
        ours.empty()
    except OSError as error:
        print(error)
