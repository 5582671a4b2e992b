"""What a test may leave behind: nothing. Snapshots of processes, threads, descriptors and files."""

import asyncio
import os
import tempfile
import threading
import time
from multiprocessing.resource_tracker import _resource_tracker as tracker
from pathlib import Path

MARK = "GREENLITHOPS_TESTS"  #: environment variable by which this run's processes are known
GRACE = 15.0  #: seconds that the kernel and other threads have to let go
#: the one loop of the synchronous face, and that of fsspec, for ever; and the threads of their
#: executors (those of a test's own loop end with it)
PERMANENT_THREADS = ("greenlithops-loop", "fsspecIO", "asyncio_")
PERMANENT_FILES = ("pytest-of-", "hypothesis", ".pytest")
PERMANENT_DESCRIPTORS = {"/var/lib/libuuid/clock.txt"}  #: of uuid.uuid1, where the system has it
SESSION_GROUPS = set()  #: process groups of servers that live until the session's end
SESSION_DESCRIPTORS = set()  #: what this process holds to them


def mark_processes():
    """Mark every process that this one starts from now on, so that orphans are found too."""
    os.environ[MARK] = str(os.getpid())


def processes():
    """Return our living processes besides this one, children and orphans, with their commands."""
    mark = f"{MARK}={os.getpid()}\0".encode()
    found = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit() or int(entry.name) == os.getpid():
            continue
        try:
            stat = (entry / "stat").read_text()
            parent, group = map(int, stat.rpartition(")")[2].split()[1:3])
            if group in SESSION_GROUPS or int(entry.name) == tracker._pid:
                continue  # the standard library's tracker of shared memory is one for ever
            if parent == os.getpid() or mark in (entry / "environ").read_bytes() + b"\0":
                command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found[int(entry.name)] = command or f"zombie: {stat[:60]}"
        except OSError:
            continue  # it has just ended
    return found


def threads():
    """Return the threads of this process that ought to end."""
    return {
        thread.ident: thread.name
        for thread in threading.enumerate()
        if not thread.name.startswith(PERMANENT_THREADS)
    }


def descriptors():
    """Return the open file descriptors and what they are of."""
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        if int(entry.name) in SESSION_DESCRIPTORS or int(entry.name) == tracker._fd:
            continue
        try:
            what = str(entry.readlink())
        except OSError:
            continue  # the descriptor of the listing itself
        if what not in PERMANENT_DESCRIPTORS:
            found[int(entry.name)] = what
    return found


def files():
    """Return what is in the directory for temporary files."""
    names = [path.name for path in Path(tempfile.gettempdir()).iterdir()]
    return {name: name for name in names if not name.startswith(PERMANENT_FILES)}


_KINDS = {
    "processes": processes,
    "threads": threads,
    "descriptors": descriptors,
    "temporary files": files,
}


class Snapshot:
    """What there is at one moment."""

    def __init__(self):
        self._before = {kind: look() for kind, look in _KINDS.items()}

    def remains(self):
        """Return what is there now and was not before, as text; empty when nothing is."""
        found = []
        for kind, look in _KINDS.items():
            more = {key: what for key, what in look().items() if key not in self._before[kind]}
            if more:
                found.append(f"{kind}: {more}")
        return "; ".join(found)

    def settled(self, seconds=GRACE):
        """Wait until nothing more is there than before; return what is after all."""
        deadline = time.monotonic() + seconds
        while (found := self.remains()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return found

    async def settled_here(self, seconds=GRACE):
        """As `settled`, on a running loop."""
        deadline = time.monotonic() + seconds
        # Nothing tells of the end of processes and threads: they must be looked for.
        while (found := self.remains()) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        return found
