"""Whole programs: the examples, and what is left when a program is killed."""

import os
import signal
import subprocess
import sys
from pathlib import Path

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


def run(name):
    return subprocess.run(
        [sys.executable, EXAMPLES / name],
        capture_output=True,
        text=True,
        check=True,
        timeout=scripts.LIMIT,
    ).stdout


def test_executors_go_where_the_standard_librarys_go():
    output = run("executors.py")
    assert "primes: [1000000007, 1000000009]" in output
    assert "graph: 2.645" in output
    assert "done: [120, 720, 5040]" in output


def test_processes_share_an_account():
    assert "balance: 1111 after 4 deposits" in run("shared_state.py")


def test_the_embedded_server_starts_where_the_temporary_folder_has_a_long_name(tmp_path):
    far = tmp_path / ("folder" * 20)
    far.mkdir()
    program = PROGRAM.replace("time.sleep(100)", "print(queue.get())")
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(far)},
        capture_output=True,
        text=True,
        check=True,
        timeout=scripts.LIMIT,
    ).stdout.split()
    assert found[2] == "1"
    assert not Path(found[1]).parent.exists()


def test_the_embedded_server_ends_with_a_program_that_is_killed():
    program = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with program:
        pid, path = program.stdout.readline().split()
        folder = Path(path).parent
        assert folder.stat().st_mode & 0o777 == 0o700
        assert scripts.alive(int(pid))
        os.kill(program.pid, signal.SIGKILL)
    assert scripts.gone([int(pid)], 10) == []
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()  # a later program would have removed it
