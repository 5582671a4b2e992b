"""What the kernel tells of tasks that end: of whom, how much, and what is remembered of it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque

import pytest

import greenlithops as gl
from greenlithops.energy.cpu_time import taskstats
from greenlithops.energy.cpu_time.kinship import ORPHANS, RECENT, Ended, Kinship
from greenlithops.energy.cpu_time.sources import open_cpu_sources
from greenlithops.errors import ConfigurationError, WorkerLost
from support.clock import BUSY

MS = 1_000_000


def refused():
    """Why the kernel tells nothing here, or None."""
    try:
        open_cpu_sources("taskstats").close()
    except ConfigurationError as error:
        return str(error)
    return None


REFUSED = refused()
told = pytest.mark.skipif(REFUSED is not None, reason=str(REFUSED))


class Tree:
    def __init__(self):
        self.ended, self.complete = {}, deque()


def test_children_are_found_whoever_ends_first():
    kinship, tree = Kinship(), Tree()
    kinship.own(10, tree)
    kinship.hear(Ended(13, 12, 1, last=True))  # a grandchild of a child that still lives
    kinship.hear(Ended(12, 11, 2, last=False))  # a thread of the child
    assert tree.ended == {}
    kinship.hear(Ended(11, 10, 4, last=True))
    assert tree.ended == {11: 4, 12: 2, 13: 1}
    kinship.hear(Ended(12, 11, 8, last=True))
    kinship.hear(Ended(14, 12, 16, last=True))  # told of after its parent
    assert tree.ended == {11: 4, 12: 10, 13: 1, 14: 16}
    assert sorted(tree.complete) == [11, 12, 13, 14]
    kinship.disown(tree)
    kinship.hear(Ended(15, 10, 32, last=True))
    assert 15 not in tree.ended


def test_a_process_that_gets_another_parent_belongs_to_that():
    kinship, tree, other = Kinship(), Tree(), Tree()
    kinship.hear(Ended(12, 11, 1, last=False))  # a thread of a child of 11
    kinship.hear(Ended(12, 10, 2, last=True))  # which 10 has adopted, as its reaper
    kinship.own(11, other)
    kinship.own(11, other)
    kinship.own(10, tree)
    assert (tree.ended, other.ended) == ({12: 3}, {})
    assert not kinship._children


def test_what_is_remembered_is_bounded():
    kinship, tree = Kinship(), Tree()
    kinship.own(1, tree)
    for pid in range(100_000, 120_000):
        kinship.hear(Ended(pid, pid % 7 + 2, 1, last=True))  # of others
        kinship.hear(Ended(pid + 50_000, 1, 1, last=True))
    assert len(kinship._orphans) == ORPHANS == sum(map(len, kinship._children.values()))
    assert len(kinship._trees) <= RECENT + 1
    assert len(tree.ended) == 20_000  # its reader takes these away


BURN = "import time\nstop = time.process_time() + {}\nwhile time.process_time() < stop: pass\n"
# Its children are never waited for, and so in no sum of the kernel's but taskstats.
DEAF = f"""
import signal, subprocess, sys
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
sys.stdin.readline()
inner = {BURN.format(0.05)!r}
outer = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {{inner!r}}])"
subprocess.run([sys.executable, "-c", outer + {chr(10) + BURN.format(0.05)!r}])
print(flush=True)
sys.stdin.readline()
"""
# A child whose thread burns and ends, while it lives on.
THREADED = """
import subprocess, sys
sys.stdin.readline()
code = '''
import sys, threading
def burn():
    import time
    stop = time.thread_time() + 0.1
    while time.thread_time() < stop: pass
one = threading.Thread(target=burn); one.start(); one.join()
print(flush=True)
sys.stdin.readline()
'''
pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
child = subprocess.Popen([sys.executable, "-c", code], **pipes)
child.stdout.readline()
print(flush=True)
sys.stdin.readline()
child.communicate(b"\\n")
print(flush=True)
sys.stdin.readline()
"""


@contextlib.contextmanager
def worker(code):
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip

    def step():
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "\n"

    try:
        yield process, step
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, 9)
        process.stdin.close()
        process.stdout.close()
        process.wait()


def within(seconds, condition):
    stop = time.monotonic() + seconds + BUSY
    while not condition():
        assert time.monotonic() < stop
        time.sleep(0.01)


@told
def test_processes_that_nobody_waited_for_are_counted():
    used = {}
    for name in ("taskstats", "clock"):
        opened = open_cpu_sources(name)
        with worker(DEAF) as (process, step):
            tree = opened.trees.adopt(process.pid)
            before = tree.read()
            step()
            if name == "taskstats":
                within(5, lambda: tree.read() - before >= 100 * MS)  # noqa: B023 - at once
            used[name] = tree.read() - before
            tree.close()
        opened.close()
    assert used["clock"] < 100 * MS <= used["taskstats"]


@told
def test_threads_that_have_ended_count_once():
    opened = open_cpu_sources("taskstats")
    with worker(THREADED) as (process, step):
        tree = opened.trees.adopt(process.pid)
        step()
        within(5, lambda: tree.read() >= 100 * MS)  # for the news to come; the child lives
        alive = tree.read()
        step()
        time.sleep(0.1)
        ended = tree.read()
        assert alive <= ended < alive + 90 * MS  # and not the thread's 100 ms once more
        assert tree.read() >= ended
        assert list(tree.ended) == []  # what has ended is summed up, not kept
        tree.close()
    opened.close()


@told
async def test_what_a_call_leaves_to_nobody_is_in_its_figures(tmp_path):
    note = tmp_path / "note"
    code = BURN.format(0.2) + f"open({str(note)!r}, 'w').write(str(time.process_time()))"

    def call():
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        subprocess.run([sys.executable, "-c", code], check=False)
        os.kill(os.getpid(), signal.SIGKILL)

    async with gl.AsyncExecutor(max_workers=1, energy="model+taskstats") as executor:
        future = executor.submit(call)
        with pytest.raises(WorkerLost):
            await future
        assert future.stats.cpu_seconds >= float(note.read_text()) - 0.005
        assert future.energy.joules > 0


@told
def test_the_thread_ends_with_its_last_user():
    one, two = open_cpu_sources("taskstats"), open_cpu_sources("taskstats")
    names = [thread.name for thread in threading.enumerate()]
    assert names.count("greenlithops-taskstats") == 1
    assert taskstats._shared.held is not None
    one.close()
    assert taskstats._shared.held is not None
    two.close()
    assert "greenlithops-taskstats" not in [thread.name for thread in threading.enumerate()]


def test_without_pyroute2_the_refusal_says_what_to_install():
    code = (
        "import sys; sys.modules['pyroute2'] = None\n"
        "from greenlithops.energy.cpu_time.sources import open_cpu_sources\n"
        "open_cpu_sources('taskstats')"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (
        "taskstats: pyroute2 is not installed: pip install 'greenlithops[taskstats]'" in run.stderr
    )
