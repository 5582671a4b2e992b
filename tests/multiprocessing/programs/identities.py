"""Workers that choose something by their number, and children of children."""

import multiprocessing as mp

TABLES = ["first", "second"]
LONG = 300


def share(*shared):
    global barrier
    (barrier,) = shared


def numbered(_):
    barrier.wait(LONG)  # so that every worker has one
    me = mp.current_process()
    (number,) = me._identity
    return TABLES[(number - 1) % 2], me.name.endswith(f"PoolWorker-{number}"), number


def grandchild(answers):
    me = mp.current_process()
    answers.put((me.name, me._identity, mp.parent_process().name))


def child(answers):
    process = mp.Process(target=grandchild, args=(answers,))
    process.start()
    process.join()
    grandchild(answers)


if __name__ == "__main__":
    print(mp.current_process()._identity, mp.current_process().name, mp.parent_process())
    meeting = mp.Barrier(2)
    answers = mp.Queue()
    process = mp.Process(target=child, args=(answers,), name="named")
    process.start()
    children = [answers.get(), answers.get()]
    process.join()
    base = process._identity[0]
    print(children[0][0].rpartition(":")[2], children[0][2], children[1][2])
    print([place[0] - base for _, place, _ in children], children[0][1][1:])
    with mp.Pool(2, share, (meeting,)) as pool:
        found = sorted(pool.imap_unordered(numbered, range(2)))
        print([entry[:2] for entry in found], sorted(entry[2] - base for entry in found))
