"""The synchronous face in programs of their own: Ctrl-C, fork, exit, signals, threads."""

import os
import pty
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from support import leaks, scripts
from support.clock import BUSY

PRELUDE = """
import os, signal, sys, threading, time, warnings
import greenlithops as gl

def nap(seconds):
    time.sleep(seconds)
    return seconds

def square(x):
    return x * x

def say(*words):
    print(*words, flush=True)
"""


@pytest.fixture
def program(tmp_path):
    """Start a program; its processes must be gone within two seconds of its end."""
    started = []

    def start(text, *, warn=True):
        path = tmp_path / "program.py"
        path.write_text(PRELUDE + textwrap.dedent(text))
        flags = ["-W", "error"] if warn else []
        process = subprocess.Popen(
            [sys.executable, *flags, str(path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=10)


def finished(process):
    """Return what the program wrote, and check that nothing of it is left."""
    out, err = process.communicate(timeout=scripts.LIMIT)
    deadline = time.monotonic() + BUSY
    while (left := leaks.processes()) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not left, f"left behind: {left}"
    return out, err


def read_line(process, wanted):
    line = process.stdout.readline().strip()
    assert line == wanted, f"{line!r}; {process.stderr.read() if not line else ''}"


def test_no_guard_is_needed(program):
    out, err = finished(
        program("""
        fexec = gl.FunctionExecutor(max_workers=2)
        fexec.map(square, range(5))
        say(fexec.get_result())
        with gl.PoolExecutor(1) as pool:
            say(pool.submit(square, 3).result())
        """)
    )
    assert (out, err) == ("[0, 1, 4, 9, 16]\n9\n", "")


WAITS = {
    "wait": "fexec.wait()",
    "get_result": "fexec.get_result()",
    "result": "future.result()",
    "module": "gl.wait(future)",
    "list": "gl.FuturesList([future]).get_result()",
}


@pytest.mark.parametrize("what", WAITS)
def test_one_ctrl_c_cancels_and_cleans_up(program, what):
    process = program(f"""
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.call_async(square, 1).result()
    future = fexec.call_async(nap, 600)
    while not future.running:
        time.sleep(0.01)
    say("waiting")
    try:
        {WAITS[what]}
    except KeyboardInterrupt:
        say("interrupted", future.cancelled())
    say(fexec.call_async(square, 3).result())
    """)
    read_line(process, "waiting")
    scripts.rest(process)
    process.send_signal(signal.SIGINT)
    out, err = finished(process)
    assert (out, err) == ("interrupted True\n9\n", "")


def test_ctrl_c_that_nobody_catches_ends_the_program(program):
    process = program("""
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.map(nap, [600, 600])
    say("waiting")
    fexec.get_result()
    """)
    read_line(process, "waiting")
    scripts.rest(process)
    process.send_signal(signal.SIGINT)
    _, err = finished(process)
    assert err.rstrip().endswith("KeyboardInterrupt")
    assert err.count("Traceback") == 1
    assert process.returncode == -signal.SIGINT


def test_a_second_ctrl_c_abandons_the_cleanup(program):
    process = program("""
    from greenlithops.sync.loop import background
    import asyncio
    async def stubborn():
        try:
            say("waiting")
            await asyncio.sleep(600)
        finally:
            say("cleaning")
            await asyncio.sleep(600)
    try:
        background().call(stubborn)
    except KeyboardInterrupt:
        say("abandoned")
    """)
    read_line(process, "waiting")
    scripts.rest(process)
    process.send_signal(signal.SIGINT)
    read_line(process, "cleaning")
    scripts.rest(process)
    assert process.poll() is None  # it waits for the cleanup
    process.send_signal(signal.SIGINT)
    out, err = finished(process)
    assert (out, err) == ("abandoned\n", "")


def test_ctrl_c_while_a_map_starts(program, tmp_path):
    process = program("""
    class Slow:
        def __reduce__(self):
            say("pickling")
            while not os.path.exists("go"):
                time.sleep(0.01)
            return int, (3,)
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.call_async(square, 1).result()
    held = Slow()
    try:
        fexec.map(lambda x: nap(600 if held else 0), [1, 2, 3])
    except KeyboardInterrupt:
        say("interrupted", len(fexec.futures))
    say(fexec.call_async(square, 3).result())
    """)
    read_line(process, "pickling")
    scripts.rest(process)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    (tmp_path / "go").touch()
    out, err = finished(process)
    lines = [line for line in out.splitlines() if line != "pickling"]
    assert (lines, err) == (["interrupted 1", "9"], "")


def test_a_forked_process_is_told_and_can_make_its_own(program):
    out, err = finished(
        program(
            """
        import warnings
        from greenlithops.errors import ForkedError
        # From Python 3.12 on, a fork in a process with threads is warned of.
        warnings.simplefilter("ignore", DeprecationWarning)
        fexec = gl.FunctionExecutor(max_workers=1)
        ready = fexec.call_async(square, 2)
        ready.result()
        def hold(result):
            while not os.path.exists("go"):
                time.sleep(0.01)
            return result
        pending = fexec.call_async(hold, 1)
        pool = gl.PoolExecutor(1)
        promised = pool.submit(hold, 1)
        pid = os.fork()
        if not pid:
            for name, use in {
                "map": lambda: fexec.map(square, [1]),
                "get_result": fexec.get_result,
                "wait": lambda: fexec.wait(pending),
                "with": fexec.__enter__,
                "result": pending.result,
                "cancel": pending.cancel,
                "list": lambda: gl.get_result([pending]),
                "submit": lambda: pool.submit(square, 1),
                "promised": promised.result,
            }.items():
                try:
                    use()
                except ForkedError:
                    continue
                say("no error of", name)
            say(ready.result())
            with gl.FunctionExecutor(max_workers=1) as own:
                say(own.map(square, [3]).get_result())
            with gl.PoolExecutor(1) as own:
                say(own.submit(square, 4).result())
            sys.exit(0)
        os.waitpid(pid, 0)
        open("go", "w").close()
        say(pending.result(), promised.result())
        """,
            warn=False,
        )
    )
    assert (out, err) == ("4\n[9]\n16\n1 1\n", "")


def test_multiprocessing_with_fork_works_beside_it(program):
    out, err = finished(
        program(
            """
        import multiprocessing
        fexec = gl.FunctionExecutor(max_workers=1)
        say(fexec.call_async(square, 2).result())
        with multiprocessing.get_context("fork").Pool(1) as processes:
            say(processes.map(square, [5]))
        say(fexec.call_async(square, 3).result())
        """,
            warn=False,
        )
    )
    assert (out, err) == ("4\n[25]\n9\n", "")


def test_the_end_of_the_program_ends_what_runs(program):
    process = program("""
    fexec = gl.FunctionExecutor(max_workers=2)
    futures = fexec.map(nap, [600] * 10)
    chained = fexec.map(nap, futures)
    def wait_for_ever():
        try:
            fexec.get_result()
        except Exception as error:
            pass
    threading.Thread(target=wait_for_ever, daemon=True).start()
    time.sleep(0.3)
    say("end")
    """)
    read_line(process, "end")
    out, err = finished(process)
    assert (out, err, process.returncode) == ("", "", 0)


def test_an_error_that_ends_the_program_is_all_that_is_shown(program):
    process = program("""
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.map(nap, [600])
    raise SystemExit(7)
    """)
    out, err = finished(process)
    assert (out, err, process.returncode) == ("", "", 7)


def test_a_pools_work_is_done_before_the_program_ends(program, tmp_path):
    process = program("""
    def touch(x):
        time.sleep(0.1)
        open(f"mark{x}", "w").close()
    pool = gl.PoolExecutor(2)
    for x in range(6):
        pool.submit(touch, x)
    """)
    out, err = finished(process)
    assert (out, err) == ("", "")
    assert len(list(tmp_path.glob("mark*"))) == 6


def test_threads_begin_to_use_us_when_the_main_one_has_ended(program):
    out, err = finished(
        program("""
        def late():
            threading.main_thread().join()
            with gl.FunctionExecutor(max_workers=1) as fexec:
                say(fexec.map(square, [1, 2]).get_result())
            with gl.PoolExecutor(1) as pool:
                say(pool.submit(square, 3).result())
            async def main():
                async with gl.AsyncExecutor(max_workers=1) as executor:
                    say(await executor.submit(square, 4))
            import asyncio
            asyncio.run(main())
        threading.Thread(target=late).start()
        """)
    )
    assert (out, err) == ("[1, 4]\n9\n16\n", "")


def test_the_programs_alarm_is_its_own(program):
    out, err = finished(
        program("""
        rung = []
        def ring(*_):
            rung.append(time.monotonic())
            open("rung", "w").close()
        def hold(result):
            while not os.path.exists("rung"):
                time.sleep(0.01)
            return result
        fexec = gl.FunctionExecutor(max_workers=1)
        fexec.call_async(square, 1).result()
        signal.signal(signal.SIGALRM, ring)
        signal.setitimer(signal.ITIMER_REAL, 3)
        future = fexec.call_async(hold, 1)
        try:
            fexec.get_result(timeout=0.2)
        except TimeoutError:
            say("timeout")
        say(signal.getitimer(signal.ITIMER_REAL)[0] > 0)
        say(fexec.get_result(future), len(rung))
        """)
    )
    assert (out, err) == ("timeout\nTrue\n1 1\n", "")


def test_an_error_of_a_signal_handler_comes_through(program):
    process = program("""
    class Rung(Exception): pass
    def ring(*_): raise Rung
    signal.signal(signal.SIGALRM, ring)
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.call_async(square, 1).result()
    future = fexec.call_async(nap, 600)
    try:
        say("waiting")
        future.result()
    except Rung:
        say("rung", future.cancelled())
    """)
    read_line(process, "waiting")
    scripts.rest(process)
    process.send_signal(signal.SIGALRM)
    out, err = finished(process)
    assert (out, err) == ("rung True\n", "")


def test_what_a_user_sees_of_an_error(program):
    process = program("""
    def fail(x):
        raise ValueError(f"no {x}")
    fexec = gl.FunctionExecutor(max_workers=1)
    fexec.map(fail, [7])
    fexec.get_result()
    """)
    _, err = finished(process)
    ours = [line for line in err.splitlines() if "/greenlithops/" in line]
    assert len(ours) == 1, err
    assert "ValueError: no 7" in err
    assert "Raised in a worker, in call 0 of fail" in err
    assert 'raise ValueError(f"no {x}")' in err


def test_executors_inside_of_calls(program):
    out, err = finished(
        program("""
        def inner(x):
            fexec = gl.FunctionExecutor(max_workers=1)
            assert fexec.is_lithops_worker
            fexec.map(square, range(x))
            return fexec.get_result()
        def returned(x):
            return gl.FunctionExecutor(max_workers=1).map(square, range(x))
        with gl.FunctionExecutor(max_workers=2) as fexec:
            say(fexec.map(inner, [1, 2, 3]).get_result())
            say(fexec.get_result(fexec.call_async(returned, 3)))
        """),
    )
    assert (out, err) == ("[[0], [0, 1], [0, 1, 4]]\n[0, 1, 4]\n", "")


def test_progress_is_shown_on_a_terminal_and_nowhere_else(program, tmp_path):
    text = PRELUDE + textwrap.dedent("""
    with gl.FunctionExecutor(max_workers=1) as fexec:
        fexec.map(nap, [0.05] * 8)
        fexec.get_result(show_progressbar=sys.argv[1] == "yes")
    """)
    path = tmp_path / "bar.py"
    path.write_text(text)
    shown = {}
    for wanted in ("yes", "no"):
        ours, theirs = pty.openpty()
        process = subprocess.Popen([sys.executable, str(path), wanted], stderr=theirs)
        os.close(theirs)
        pieces = []
        while True:
            try:
                piece = os.read(ours, 4096)
            except OSError:
                break
            if not piece:
                break
            pieces.append(piece)
        os.close(ours)
        assert process.wait(20) == 0
        shown[wanted] = b"".join(pieces)
    assert b"8/8" in shown["yes"]
    assert shown["no"] == b""


def test_nothing_is_imported_before_it_is_used(program):
    out, err = finished(
        program("""
        heavy = {"uvloop", "rich", "multiprocessing"}
        say(sorted((heavy | {"asyncio"}) & sys.modules.keys()))
        with gl.FunctionExecutor(max_workers=1) as fexec:
            fexec.call_async(square, 2).result()
        say(sorted(heavy & sys.modules.keys()))
        say([t.name for t in threading.enumerate() if "Main" not in t.name])
        """)
    )
    assert (out, err) == ("[]\n[]\n['greenlithops-loop']\n", "")
