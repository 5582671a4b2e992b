"""What is called: the same functions for every peer, importable by its workers."""

from __future__ import annotations

import os
import time
from typing import TypeVar

T = TypeVar("T")

SPIN_SECONDS = 0.050


def noop(x: T) -> T:
    """Return the argument, so that a result proves its call and its place in the order."""
    return x


def settle(x: int) -> int:
    """Keep a worker busy long enough that its siblings have to start too."""
    time.sleep(0.03)
    return os.getpid() + 0 * x


def spin(_: int) -> float:
    """Burn 50 ms of CPU time, however long others make that last; return the CPU seconds."""
    start = time.thread_time()
    while (spent := time.thread_time() - start) < SPIN_SECONDS:
        pass
    return spent
