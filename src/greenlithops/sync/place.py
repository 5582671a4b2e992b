"""Where this code runs: in the program, or in one of its workers."""

from __future__ import annotations

import functools
import itertools
import secrets
import sys
import threading

_WORKER_MARK = "greenlithops.worker.process"

_session = secrets.token_hex(3)
_numbers = itertools.count()
_lock = threading.Lock()


@functools.cache
def in_worker() -> bool:
    """Return whether this process is a worker."""
    # Its command begins with the interpreter and its flags; what follows is its own.
    return any(_WORKER_MARK in part for part in sys.orig_argv[1:40])


def new_executor_id() -> str:
    """Return a name of the form that Lithops' executors have: ``"1a2b3c-0"``."""
    with _lock:
        return f"{_session}-{next(_numbers)}"
