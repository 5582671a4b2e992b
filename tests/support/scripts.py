"""Programs in processes of their own, where a test must die, be interrupted or be `__main__`."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

from support.clock import BUSY

LIMIT = 120  #: seconds after which a script is held to hang


def write(folder, source, name="script.py"):
    """Write a program; return its path."""
    path = Path(folder) / name
    path.write_text(textwrap.dedent(source))
    return path


def start(folder, source, *arguments, **options):
    """Start a program in a process group of its own, with pipes."""
    path = write(folder, source)
    return subprocess.Popen(
        [sys.executable, str(path), *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        start_new_session=True,
        **options,
    )


def finish(process, seconds=LIMIT):
    """Return what a started program printed, and its errors; fail if it hangs."""
    try:
        out, errors = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        out, errors = process.communicate()
        raise AssertionError(f"the script hung\n{out}\n{errors}") from None
    return out, errors


def run(folder, source, *arguments, status=0):
    """Run a program to its end; return what it printed."""
    process = start(folder, source, *arguments)
    out, errors = finish(process)
    assert process.returncode == status, f"exit status {process.returncode}\n{out}\n{errors}"
    return out


def line(process):
    """Return the next line that a program prints."""
    text = process.stdout.readline()
    if not text:
        raise AssertionError(f"the script ended early\n{process.stderr.read()}")
    return text.strip()


def rest(process):
    """Wait until a program's main thread waits for something other than the processor."""
    looks, deadline = 0, time.monotonic() + BUSY
    while looks < 5:
        assert time.monotonic() < deadline, "it never rests"
        stat = Path(f"/proc/{process.pid}/task/{process.pid}/stat").read_text()
        looks = looks + 1 if stat.rpartition(")")[2].split()[0] == "S" else 0
        time.sleep(0.02)


def alive(pid):
    """Return whether a process runs; one that has ended and was not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def gone(pids, seconds):
    """Return those of some processes that still run after some seconds, on a busy machine."""
    deadline = time.monotonic() + seconds + BUSY
    while (left := [pid for pid in pids if alive(pid)]) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left
