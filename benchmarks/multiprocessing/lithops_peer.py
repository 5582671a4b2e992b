"""One kind of work with `lithops.multiprocessing`, in an environment of its own; prints JSON."""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import redirect_stdout
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

OPERATIONS = 100  #: of one kind at a time
ROUNDS = 11
POOL_ROUNDS = 3
MANY = 100  #: calls from which a map is measured once: Lithops starts an interpreter for each


def noop(x: object) -> object:
    """Do nothing."""
    return x


def operations(mp: Any) -> dict[str, Callable[[], object]]:
    """Return what is measured on shared state, by the names of `run.py`."""
    queue, lock, value = mp.Queue(), mp.Lock(), mp.Value("i", 0, lock=False)
    shared = mp.Manager().dict()
    return {
        "Queue: put and get": lambda: (queue.put(1), queue.get()),
        "Lock: acquire and release": lambda: (lock.acquire(), lock.release()),
        "Value: set and get": lambda: (setattr(value, "value", 5), value.value),
        "manager dict: set and get": lambda: (shared.__setitem__("key", 5), shared["key"]),
    }


def measured(function: Callable[[], object], times: int, rounds: int) -> float:
    """Return the median seconds of one call of a function."""
    found = []
    for _ in range(rounds):
        start = time.perf_counter()
        for _ in range(times):
            function()
        found.append((time.perf_counter() - start) / times)
    return median(found)


def main(socket: str, what: str) -> None:
    """Measure an operation, or a map of so many calls, with the server behind a socket."""
    settings = {
        "lithops": {"backend": "localhost", "storage": "localhost", "log_level": "ERROR"},
        "redis": {"host": "localhost", "unix_socket_path": socket},
    }
    os.environ["LITHOPS_CONFIG"] = json.dumps(settings)
    from lithops import multiprocessing as mp  # noqa: PLC0415 - it reads its configuration then

    with redirect_stdout(sys.stderr):
        if what.isdecimal():
            items = range(int(what))
            with mp.Pool(2) as pool:
                pool.map(noop, [0])  # it looks at its runtime then
                rounds = POOL_ROUNDS if len(items) < MANY else 1
                seconds = measured(lambda: pool.map(noop, items), 1, rounds)
        else:
            seconds = measured(operations(mp)[what], OPERATIONS, ROUNDS)
    print(json.dumps({"figures": {"seconds": seconds}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
