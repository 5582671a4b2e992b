"""Functions that do to their process what a worker must survive, or die of and be replaced."""

import asyncio
import ctypes
import multiprocessing
import os
import re
import resource
import signal
import subprocess
import sys
import threading
import time


def square(number):
    return number * number


def end_with(status):
    """Leave the process without a word."""
    os._exit(status)


def end_by(number):
    """Send this process a signal, and wait for it."""
    if number == signal.SIGHUP:  # which programs that nohup starts ignore
        signal.signal(number, signal.SIG_DFL)
    os.kill(os.getpid(), number)
    time.sleep(30)


def fault():
    """Read memory that is not there."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ctypes.string_at(0)


def abort():
    """End as C's assert does."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def allocate(size):
    """Need so many bytes."""
    return len(b"x" * size)


def spin():
    """Never return, in Python."""
    while True:
        pass


def hold_the_lock():
    """Never return, in C, with the interpreter lock held: a regular expression that explodes."""
    re.match(r"(a+)+$", "a" * 60 + "b")


def sleep_long(seconds=60):
    time.sleep(seconds)


def hold(path):
    """Return when somebody has made a file; what it is called."""
    while not path.exists():
        time.sleep(0.005)
    return path.name


async def wait_for(path):
    """As `hold`, in a coroutine; return nothing."""
    while not path.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.005)


async def block_the_loop():
    """Block the loop that all coroutines of the worker share."""
    await asyncio.sleep(0)
    time.sleep(60)  # noqa: ASYNC251 - blocking is the point


async def sleep_async(seconds):
    await asyncio.sleep(seconds)
    return seconds


async def stubborn():
    """A coroutine that will not be cancelled."""
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            continue


def close_descriptors():
    os.closerange(0, 256)
    return "closed"


def fork_and_return():
    """Both the parent and the child return."""
    return os.getpid() if os.fork() else "the child"


def fork_and_loop():
    """The child never ends."""
    if pid := os.fork():
        return pid
    while True:
        time.sleep(1)


def fork_and_fail():
    if os.fork():
        return "parent"
    raise ValueError("in the child")


async def fork_in_coroutine():
    await asyncio.sleep(0)
    return os.getpid() if os.fork() else "the child"


def leave_thread(daemon):
    """Start a thread that never ends."""
    threading.Thread(target=time.sleep, args=(3600,), daemon=daemon).start()
    return threading.active_count()


def read_stdin():
    return sys.stdin.read()


def ask():
    return input("? ")


def leave_subprocess():
    """Start a process that outlives the call; return its id."""
    return subprocess.Popen(["sleep", "3600"]).pid


def new_session():
    os.setsid()


def alarmed():
    """Time out by a signal, as programs do in their main thread."""

    def ring(*_):
        raise TimeoutError("the alarm rang")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, 0.05)
    try:
        time.sleep(30)
    finally:
        signal.signal(signal.SIGALRM, before)


def run_loop(number):
    """Use a loop of its own."""

    async def work():
        await asyncio.sleep(0.01)
        return number * number

    return asyncio.run(work())


def forget_modules(*names):
    for name in names:
        sys.modules.pop(name, None)


def use_pool(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(abs, range(-3, 0))
