"""Ctrl-C: one ends the program with its workers, a second one at once."""

import os
import signal
import time

import pytest

from support import scripts
from support.clock import BUSY, SOON

PROGRAM = """
    import asyncio, os, sys, time
    import greenlithops as gl

    def report(n):
        print(os.getpid(), flush=True)

    def work(kind):
        with open(sys.argv[1], "a") as file:
            print(os.getpid(), file=file, flush=True)
        if kind in ("sleep", "linger"):
            time.sleep(60)
        if kind == "ignore":
            import signal
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        if kind == "spin":
            while True: pass

    async def work_async(kind):
        with open(sys.argv[1], "a") as file:
            print(os.getpid(), file=file, flush=True)
        await asyncio.sleep(60)

    async def main():
        kind = sys.argv[2]
        function = work_async if kind == "async" else work
        async with gl.AsyncExecutor(max_workers=2) as executor:
            job = executor.map(function, [kind] * 4)
            while not os.path.exists(sys.argv[1]):
                await asyncio.sleep(0.01)
            await asyncio.sleep(0.2)
            print("running", flush=True)
            try:
                await job
            finally:
                print("left", flush=True)
                if kind == "linger":
                    time.sleep(60)

    if __name__ == "__main__":
        try:
            asyncio.run(main())
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            sys.exit(130)
"""


def pids(path):
    return [int(line) for line in path.read_text().split()]


@pytest.mark.parametrize("kind", ["sleep", "spin", "ignore", "async"])
def test_one_ctrl_c_ends_program_and_workers(tmp_path, kind):
    process = scripts.start(tmp_path, PROGRAM, tmp_path / "pids", kind)
    assert scripts.line(process) == "running"
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    out, errors = scripts.finish(process)
    assert time.monotonic() - began < SOON + BUSY
    assert process.returncode == 130, errors
    assert out.split() == ["left", "interrupted"]
    assert errors == ""
    assert scripts.gone(pids(tmp_path / "pids"), SOON) == []


def test_ctrl_c_of_the_terminal_reaches_the_program_and_not_the_workers(tmp_path):
    """A terminal sends SIGINT to the whole foreground group: no worker may print a traceback."""
    process = scripts.start(tmp_path, PROGRAM, tmp_path / "pids", "sleep")
    assert scripts.line(process) == "running"
    os.killpg(process.pid, signal.SIGINT)
    _, errors = scripts.finish(process)
    assert process.returncode == 130
    assert errors == ""
    assert scripts.gone(pids(tmp_path / "pids"), SOON) == []


def test_a_second_ctrl_c_ends_the_program_at_once(tmp_path):
    """The first one is being handled by code that lingers; the second one cuts it short."""
    process = scripts.start(tmp_path, PROGRAM, tmp_path / "pids", "linger")
    assert scripts.line(process) == "running"
    os.kill(process.pid, signal.SIGINT)
    assert scripts.line(process) == "left"
    began = time.monotonic()
    os.kill(process.pid, signal.SIGINT)
    scripts.finish(process)
    assert time.monotonic() - began < SOON + BUSY
    assert process.returncode == 130
    assert scripts.gone(pids(tmp_path / "pids"), SOON) == []


def test_two_ctrl_c_in_a_row_leave_no_worker(tmp_path):
    # Two within a millisecond may hang any program: asyncio itself loses a wake-up when the
    # second one interrupts it between taking a callback and calling it.
    for pause in (0.02, 0.05, 0.1):
        (tmp_path / "pids").unlink(missing_ok=True)
        process = scripts.start(tmp_path, PROGRAM, tmp_path / "pids", "spin")
        assert scripts.line(process) == "running"
        os.kill(process.pid, signal.SIGINT)
        time.sleep(pause)
        if process.poll() is None:
            os.kill(process.pid, signal.SIGINT)
        scripts.finish(process)
        assert scripts.gone(pids(tmp_path / "pids"), SOON) == []
