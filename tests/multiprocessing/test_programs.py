"""Whole programs: the examples, and what is left when a program is killed."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support import scripts

EXAMPLES = Path(__file__).parents[2] / "examples"

PROGRAM = """
import time
import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import session
queue = mp.Queue()
queue.put(1)
print(session._server.pid, session.current().address.options["unix_socket_path"], flush=True)
time.sleep(100)
"""


def run(name, folder):
    return scripts.run(folder, (EXAMPLES / name).read_text())


def test_executors_go_where_the_standard_librarys_go(tmp_path):
    output = run("executors.py", tmp_path)
    assert "primes: [1000000007, 1000000009]" in output
    assert "graph: 2.645" in output
    assert "done: [120, 720, 5040]" in output


def test_processes_share_an_account(tmp_path):
    assert "balance: 1111 after 4 deposits" in run("shared_state.py", tmp_path)


def test_the_embedded_server_starts_where_the_temporary_folder_has_a_long_name(tmp_path):
    far = tmp_path / ("folder" * 20)
    far.mkdir()
    program = PROGRAM.replace("time.sleep(100)", "print(queue.get())")
    started = scripts.start(tmp_path, program, env={**os.environ, "TMPDIR": str(far)})
    output, errors = scripts.finish(started)
    assert not started.returncode, errors
    found = output.split()
    assert found[2] == "1"
    assert not Path(found[1]).parent.exists()


ENDLESS = """
import os, sys, time
import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import session

def work(queue):
    queue.put(os.getpid())
    time.sleep(600)

queue = mp.Queue()
process = mp.Process(target=work, args=(queue,), daemon=True)
process.start()
pool = mp.Pool(1)
pool.apply_async(work, (queue,))
print(session._server.pid, queue.get(), queue.get(), flush=True)
print(session.current().address.options["unix_socket_path"], flush=True)
if sys.argv[1] == "error":
    raise LookupError("on purpose")
if sys.argv[1] == "_exit":
    os._exit(3)
if sys.argv[1] == "exit":
    sys.exit(3)
time.sleep(600)
"""
SIGNALS = {"killed": signal.SIGKILL, "terminated": signal.SIGTERM, "interrupted": signal.SIGINT}


@pytest.mark.parametrize("end", [*SIGNALS, "error", "exit", "_exit"])
def test_nothing_outlives_a_program_however_it_ends(end):
    program = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", ENDLESS, end],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with program:
        pids = [int(pid) for pid in program.stdout.readline().split()]
        folder = Path(program.stdout.readline().strip()).parent
        assert len(pids) == 3
        if end in SIGNALS:
            assert folder.stat().st_mode & 0o777 == 0o700
            assert all(map(scripts.alive, pids))
            os.kill(program.pid, SIGNALS[end])
        assert program.wait(scripts.LIMIT) != 0
    assert scripts.gone(pids, 10) == []
    if folder.exists():  # where nothing could be done at the end, a later program removes it
        assert end in {"killed", "terminated", "_exit"}
        shutil.rmtree(folder)
