"""Measures `greenlithops.multiprocessing` beside the standard library, redis-py, loky and Lithops.

Everything is measured in turns, in one run, so that what else the machine does meets all alike; but
Lithops, which has an environment of its own, comes last, and each kind in a process of its own.
"""

from __future__ import annotations

import multiprocessing
import pickle
import statistics
import sys
import time
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path

import joblib
import redis
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV
from sklearn.svm import SVC

import greenlithops.joblib
import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import session as sessions

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from environments import PeerEnvironmentError, python_of  # noqa: E402 - of the folder above
from launch import run_script  # noqa: E402 - of the folder above

Work = Callable[[], object]

OPERATIONS = 300  #: of one kind at a time
ROUNDS = 21
POOL_ROUNDS = 15
SEARCHES = 11
LITHOPS = "multiprocessing-lithops"
LITHOPS_CALLS = (1, 10, 100)  #: of a map; it starts an interpreter for each
LITHOPS_SECONDS = 60.0  #: for one kind


def noop(x: object) -> object:
    """Do nothing."""
    return x


def in_turns(work: Mapping[str, Work], rounds: int) -> dict[str, float]:
    """Return the median seconds of each of some functions, called in turns, first and last."""
    found: dict[str, list[float]] = {name: [] for name in work}
    for number in range(rounds):
        for name, function in list(work.items())[:: 1 if number % 2 else -1]:
            start = time.perf_counter()
            function()
            found[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in found.items()}


def repeated(function: Work) -> Work:
    """Return what calls a function many times."""

    def call() -> None:
        for _ in range(OPERATIONS):
            function()

    return call


def show(  # noqa: PLR0917 - a line has as many columns
    what: str, unit: str, scale: float, ours: float, peers_name: str, peer: float, goal: float = 0
) -> None:
    """Print one line."""
    of_goal = f"   goal {goal} x" if goal else ""
    print(
        f"{what:34} {ours * scale:9.1f} {unit:3} {peers_name:>24} {peer * scale:9.1f} {unit:3}"
        f" {ours / peer:6.3g} x{of_goal}"
    )


def pools() -> None:
    """Measure Pool.map of no-ops."""
    with multiprocessing.Pool(2) as theirs, mp.Pool(2) as ours:
        for pool in (theirs, ours):
            pool.map(noop, range(1000))
        for count in (1000, 100_000):
            items = range(count)
            work = {
                "ours": lambda items=items: ours.map(noop, items),
                "peer": lambda items=items: theirs.map(noop, items),
            }
            found = in_turns(work, POOL_ROUNDS)
            what = f"Pool.map of {count:,} no-ops"
            show(what, "ms", 1e3, found["ours"], "multiprocessing (fork)", found["peer"], 3)
        theirs.close()
        ours.close()
        theirs.join()
    ours.join()


def pairs(bare: redis.Redis) -> dict[str, tuple[Work, Work]]:
    """Return what is compared: ours, and the same with bare redis-py."""
    queue, lock, value = mp.Queue(), mp.Lock(), mp.Value("i", 0, lock=False)
    shared = mp.Manager().dict()

    def ours_queue() -> None:
        queue.put(1)
        queue.get()

    def bare_queue() -> None:
        bare.rpush("queue", pickle.dumps(1))
        pickle.loads(bare.blpop("queue")[1])

    def ours_lock() -> None:
        lock.acquire()
        lock.release()

    def bare_lock() -> None:
        bare.set("lock", 1, nx=True, px=10_000)
        bare.delete("lock")

    def ours_value() -> object:
        value.value = 5
        return value.value

    def bare_value() -> object:
        bare.set("value", 5)
        return int(bare.get("value"))

    def ours_dict() -> object:
        shared["key"] = 5
        return shared["key"]

    def bare_dict() -> object:
        bare.hset("hash", "key", pickle.dumps(5))
        return pickle.loads(bare.hget("hash", "key"))

    return {
        "Queue: put and get": (ours_queue, bare_queue),
        "Lock: acquire and release": (ours_lock, bare_lock),
        "Value: set and get": (ours_value, bare_value),
        "manager dict: set and get": (ours_dict, bare_dict),
    }


def operations() -> dict[str, float]:
    """Measure operations on shared state, each two round trips; return the seconds of ours."""
    bare = redis.Redis(**sessions.current().address.options)
    seconds = {}
    for what, (ours, theirs) in pairs(bare).items():
        found = in_turns({"ours": repeated(ours), "peer": repeated(theirs)}, ROUNDS)
        scale = 1e6 / OPERATIONS
        show(what, "µs", scale, found["ours"], "bare redis-py", found["peer"], 1.2)
        seconds[what] = found["ours"] / OPERATIONS
    bare.close()
    return seconds


def few_calls() -> dict[str, float]:
    """Return the seconds of maps that are short enough for Lithops."""
    with mp.Pool(2) as pool:
        pool.map(noop, range(1000))
        work = {
            str(count): lambda count=count: pool.map(noop, range(count)) for count in LITHOPS_CALLS
        }
        return in_turns(work, POOL_ROUNDS)


def beside_lithops(ours: Mapping[str, float]) -> None:
    """Measure what Lithops takes for the same, with the same server."""
    socket = sessions.current().address.options["unix_socket_path"]
    try:
        python = python_of(LITHOPS, HERE.parents[1])
    except PeerEnvironmentError as error:
        print(f"Lithops: its environment cannot be made: {error}")
        return
    for what, seconds in ours.items():
        peer = run_script(python, HERE / "lithops_peer.py", socket, what, seconds=LITHOPS_SECONDS)
        title, unit, scale = what, "µs", 1e6
        if what.isdecimal():
            title, unit, scale = f"Pool.map of {what} no-ops", "ms", 1e3
        if peer.failure:
            print(f"{title:34} {seconds * scale:9.1f} {unit:3} {'Lithops':>24} {peer.failure}")
        else:
            show(title, unit, scale, seconds, "Lithops 3.8.0", peer.figures["seconds"])


def searches() -> None:
    """Measure scikit-learn's grid search on two workers."""
    features, classes = load_digits(return_X_y=True)
    grid = {"C": [0.1, 1, 10], "gamma": [1e-4, 1e-3, 1e-2]}

    def search(backend: str) -> None:
        with joblib.parallel_config(backend=backend, n_jobs=2):
            GridSearchCV(SVC(), grid, cv=4).fit(features, classes)

    work = {"ours": lambda: search("greenlithops"), "peer": lambda: search("loky")}
    in_turns(work, 1)  # the workers start, and import
    found = in_turns(work, SEARCHES)
    show("grid search, 36 fits", "s", 1, found["ours"], "loky", found["peer"], 1.1)


def main() -> None:
    """Measure everything."""
    warnings.simplefilter("ignore", DeprecationWarning)  # of fork with threads, by the peer
    greenlithops.joblib.register()
    print(f"Python {sys.version.split()[0]}; medians of {POOL_ROUNDS}, {ROUNDS} and {SEARCHES}")
    pools()
    shared = operations()
    searches()
    greenlithops.joblib.forget()
    beside_lithops(shared | few_calls())


if __name__ == "__main__":
    main()
