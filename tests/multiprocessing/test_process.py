"""Process has the standard library's methods and meanings."""

import asyncio
import atexit
import gc
import itertools
import json
import logging
import os
import signal
import sys
import threading
import time
from multiprocessing.connection import wait
from pathlib import Path

import pytest

import greenlithops.multiprocessing as mp
from greenlithops.errors import FunctionNotSerializable
from support import scripts


def tell(queue, *args, **kwargs):
    me = mp.current_process()
    parent = mp.parent_process()
    queue.put((me.name, me.pid, os.getpid(), me.daemon, parent.pid, args, kwargs))


def leave(how):
    if how == "raise":
        raise ValueError("on purpose")
    if how == "hard":
        os._exit(7)
    sys.exit(how)


def sleep():
    time.sleep(100)


def deaf(queue):
    signal.signal(signal.SIGTERM, lambda *_: queue.put("no"))
    queue.put("ready")
    while True:
        time.sleep(0.01)


def imported():
    """Return which modules a worker that only computes has imported, of those that take long."""
    mp.current_process()
    return sorted({"asyncio", "greenlithops.executor", "redis"} & set(sys.modules))


async def put_later(queue):
    await asyncio.sleep(0.01)
    queue.put("later")


class Telling(mp.Process):
    def __init__(self, queue):
        super().__init__(name="teller")
        self.queue = queue

    def run(self):
        self.queue.put((self.name, logging.LogRecord("", 0, "", 0, "", (), None).processName))


def test_a_process_runs_its_target_and_knows_itself():
    queue = mp.Queue()
    process = mp.Process(target=tell, args=(queue, 1), kwargs={"x": 2}, daemon=True)
    assert process.pid is None
    assert process.exitcode is None
    assert not process.is_alive()
    process.start()
    assert process.is_alive()
    assert process in mp.active_children()
    process.join(scripts.LIMIT)
    assert process.exitcode == 0
    assert not process.is_alive()
    assert process not in mp.active_children()
    name, own, real, daemon, parent, args, kwargs = queue.get(timeout=scripts.LIMIT)
    assert (name, own, real) == (process.name, real, process.pid)
    assert (daemon, parent, args, kwargs) == (True, os.getpid(), (1,), {"x": 2})
    assert "stopped exitcode=0" in repr(process)
    process.close()
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()
    assert "closed" in repr(process)


def test_workers_start_without_what_only_their_starters_need():
    process = mp.Process(target=lambda: sys.exit(len(imported())))
    process.start()
    process.join(scripts.LIMIT)
    assert process.exitcode == 0
    process.close()
    with mp.Pool(1) as pool:
        assert pool.map(lambda _: imported(), range(2)) == [[], []]
        pool.close()
        pool.join()


@pytest.mark.parametrize(
    ("how", "code"), [("raise", 1), ("hard", 7), (3, 3), (None, 0), ("a text", 1), (300, 44)]
)
def test_exit_codes(how, code, capfd):
    process = mp.Process(target=leave, args=(how,))
    process.start()
    process.join(scripts.LIMIT)
    assert process.exitcode == code
    process.close()
    if how == "raise":
        assert "ValueError: on purpose" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("method", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)]
)
@pytest.mark.parametrize("after", [0.0, 0.5])
def test_a_process_is_ended(method, number, after):
    process = mp.Process(target=sleep)
    process.start()
    process.join(after)
    assert process.is_alive()
    getattr(process, method)()
    process.join(scripts.LIMIT)
    assert process.exitcode == -number
    getattr(process, method)()  # has no effect any more
    process.close()


def end_slowly(queue):
    atexit.register(time.sleep, 0.5)
    queue.put("returns")


@pytest.mark.parametrize("method", ["terminate", "kill"])
def test_a_process_that_ends_by_itself_is_left_alone(method):
    queue = mp.Queue()
    process = mp.Process(target=end_slowly, args=(queue,))
    process.start()
    assert queue.get(timeout=scripts.LIMIT) == "returns"
    while process._child._call.done() is False:
        time.sleep(0.001)
    getattr(process, method)()
    process.join(scripts.LIMIT)
    assert process.exitcode == 0
    process.close()


def test_a_process_that_is_dropped_leaves_no_descriptor():
    counts = []
    for _ in range(6):
        process = mp.Process(target=abs, args=(1,))
        process.start()
        process.join(scripts.LIMIT)
        del process
        mp.active_children()
        gc.collect()
        counts.append(len(list(Path("/proc/self/fd").iterdir())))
    assert counts[-1] < counts[1] + 3, "four more than then are left if each leaves one"


def test_sigterm_can_be_handled_and_sigkill_cannot():
    queue = mp.Queue()
    process = mp.Process(target=deaf, args=(queue,))
    process.start()
    assert queue.get(timeout=scripts.LIMIT) == "ready"
    process.terminate()
    assert queue.get(timeout=scripts.LIMIT) == "no"
    assert process.is_alive()
    with pytest.raises(ValueError, match="still running"):
        process.close()
    process.kill()
    process.join(scripts.LIMIT)
    assert process.exitcode == -signal.SIGKILL
    process.close()


def test_a_sentinel_is_ready_when_the_process_has_ended():
    process = mp.Process(target=sleep)
    with pytest.raises(ValueError, match="not started"):
        process.sentinel  # noqa: B018 - the property is what is tested
    process.start()
    assert wait([process.sentinel], 0.05) == []
    process.kill()
    assert wait([process.sentinel], scripts.LIMIT) == [process.sentinel]
    process.join()
    process.close()


def test_subclasses_and_coroutines():
    queue = mp.Queue()
    for process in (Telling(queue), mp.Process(target=put_later, args=(queue,))):
        process.start()
        process.join(scripts.LIMIT)
        assert process.exitcode == 0
        process.close()
    assert queue.get(timeout=scripts.LIMIT) == ("teller", "teller")
    assert queue.get(timeout=scripts.LIMIT) == "later"


def test_what_a_process_refuses():
    with pytest.raises(AssertionError, match="group"):
        mp.Process(group=1)
    process = mp.Process(target=leave, args=(0,))
    for call in (process.join, process.terminate, process.kill):
        with pytest.raises(AssertionError, match="started process"):
            call()
    with pytest.raises(AssertionError, match="string"):
        process.name = 5
    process.start()
    with pytest.raises(AssertionError, match="twice"):
        process.start()
    with pytest.raises(AssertionError, match="already started"):
        process.daemon = True
    process.join(scripts.LIMIT)
    process.close()
    with pytest.raises(FunctionNotSerializable):
        mp.Process(target=threading.Lock().acquire).start()


def greet():
    print("hello from a process")


def test_what_a_process_prints_is_shown_unless_a_parameter_hides_it(capfd):
    for backend, shown in itertools.product(("localhost", "inline"), (True, False)):
        mp.config.update(STREAM_STDOUT=shown, LITHOPS_CONFIG={"backend": backend})
        process = mp.Process(target=greet)
        process.start()
        process.join(scripts.LIMIT)
        process.close()
        with mp.Pool(1) as pool:
            pool.starmap(greet, [()] * 20)
        assert capfd.readouterr().out == "hello from a process\n" * (21 if shown else 0)


def test_what_a_process_took_is_written(tmp_path):
    mp.config.update(EXPORT_EXECUTION_DETAILS=str(tmp_path / "details"))
    process = mp.Process(target=greet, name="greeter")
    process.start()
    process.join(scripts.LIMIT)
    process.close()
    (file,) = (tmp_path / "details").iterdir()
    content = json.loads(file.read_text())
    assert content["process"] == "greeter"
    assert content["wall_seconds"] >= 0


PROGRAM = """
import sys, time
import greenlithops.multiprocessing as mp

def late(path, seconds):
    time.sleep(seconds)
    open(path, "w").write("done")

if __name__ == "__main__":
    for name, daemon, seconds in (("plain", False, 0.5), ("daemon", True, 600)):
        process = mp.Process(target=late, args=(sys.argv[1] + name, seconds), daemon=daemon)
        process.start()
    print(process.pid)
"""


def test_a_program_waits_for_its_processes_and_ends_daemons(tmp_path):
    daemon = int(scripts.run(tmp_path, PROGRAM, f"{tmp_path}/"))
    assert (tmp_path / "plain").read_text() == "done"
    assert scripts.gone([daemon], 2) == []
    assert not (tmp_path / "daemon").exists()
