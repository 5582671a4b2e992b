"""What a call does to its process stays with the call: the next one finds it as it should be."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import os
import sys
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.errors import CallCancelled, WorkerLost
from support import disasters, scripts
from support.clock import SOON, soon
from support.disasters import square


@pytest.fixture
async def single():
    """An executor with one worker, so that the next call runs where the last one ran."""
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.submit(square, 3) == 9
        yield executor


async def check_usable(executor):
    async with soon(SOON + 3):
        assert await executor.map(square, range(50)) == [square(n) for n in range(50)]


async def test_a_call_may_fork(single):
    for _ in range(3):
        async with soon():
            assert await single.submit(disasters.fork_and_return) != "the child"
        async with soon():
            assert await single.submit(disasters.fork_and_fail) == "parent"
    await check_usable(single)


async def test_a_coroutine_may_fork(single):
    async with soon():
        assert await single.submit(disasters.fork_in_coroutine) != "the child"
    async with soon():
        assert await single.submit(disasters.sleep_async, 0.1) == 0.1
    await check_usable(single)


async def test_a_forked_child_that_loops_ends_with_its_worker():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        async with soon(5):
            child = await executor.submit(disasters.fork_and_loop)
        await check_usable(executor)
        assert scripts.alive(child)
    assert scripts.gone([child], SOON) == []


async def test_a_subprocess_that_outlives_its_call_ends_with_its_worker():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        child = await executor.submit(disasters.leave_subprocess)
        await check_usable(executor)
        assert scripts.alive(child)
    assert scripts.gone([child], SOON) == []


@pytest.mark.parametrize("daemon", [True, False])
async def test_threads_that_never_end_do_not_keep_the_worker(daemon):
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.submit(disasters.leave_thread, daemon) >= 2
        await check_usable(executor)
        async with soon():
            await executor.__aexit__(None, None, None)
        await executor.__aenter__()


async def test_standard_input_is_empty(single):
    async with soon():
        assert await single.submit(disasters.read_stdin) == ""
    with pytest.raises(EOFError):
        await single.submit(disasters.ask)


async def test_the_next_call_has_the_clients_directory(single):
    await single.submit(os.chdir, "/")
    assert await single.submit(os.getcwd) == str(Path.cwd())


async def test_the_next_call_has_the_clients_path(single):
    def extend():
        sys.path.insert(0, "/nowhere")

    def path():
        return list(sys.path)

    assert await single.submit(path) == sys.path
    await single.submit(extend)
    assert await single.submit(path) == sys.path


async def test_the_next_call_prints_to_its_own_log(single):
    def replace():
        import io

        sys.stdout = io.StringIO()
        sys.stderr = None

    def speak():
        print("heard")
        return 1

    await single.submit(replace)
    call = single.submit(speak)
    assert await call == 1
    assert call.logs == "heard\n"


async def test_closed_streams_are_no_reason_to_fail(single):
    def close():
        sys.stdout.close()
        os.close(1)
        os.close(2)

    def speak():
        print("heard")
        return 1

    await single.submit(close)
    async with soon(5):
        assert await single.submit(speak) == 1


@pytest.mark.parametrize(
    "names",
    [
        ("os", "pickle", "json"),
        ("traceback", "cloudpickle", "cloudpickle.cloudpickle"),
        ("asyncio", "threading", "io"),
        ("greenlithops", "greenlithops.errors", "greenlithops.worker.errors"),
    ],
)
async def test_forgotten_modules_are_no_reason_to_fail(single, names):
    async with soon():
        await single.submit(disasters.forget_modules, *names)
    await check_usable(single)
    async with soon():
        assert await single.submit(disasters.sleep_async, 0.01) == 0.01
        with pytest.raises(EOFError):
            await single.submit(disasters.ask)
        await check_usable(single)


async def test_a_new_session_is_refused_by_the_system_and_that_is_told(single):
    async with soon():
        with pytest.raises(PermissionError):
            await single.submit(disasters.new_session)
    await check_usable(single)


async def test_signals_work_in_calls_as_in_a_main_thread(single):
    for _ in range(3):
        async with soon():
            with pytest.raises(TimeoutError, match="the alarm rang"):
                await single.submit(disasters.alarmed)
    await check_usable(single)


async def test_asyncio_run_works_in_calls(single):
    async with soon():
        assert await single.map(disasters.run_loop, range(5)) == [0, 1, 4, 9, 16]


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_multiprocessing_works_in_calls(single, method):
    async with soon(15):
        assert await single.submit(disasters.use_pool, method) == [3, 2, 1]
    await check_usable(single)


async def test_a_coroutine_that_blocks_the_loop_is_stopped_at_its_timeout(single):
    async with soon():
        with pytest.raises(TimeoutError):
            await single.options(timeout=0.3).submit(disasters.block_the_loop)
    await check_usable(single)


async def test_a_coroutine_that_ignores_its_timeout_is_stopped(single):
    async with soon():
        with pytest.raises(TimeoutError):
            await single.options(timeout=0.3).submit(disasters.stubborn)
    await check_usable(single)


async def test_a_coroutine_that_ignores_its_cancellation_is_stopped(single):
    call = single.submit(disasters.stubborn)
    await asyncio.sleep(0.3)
    assert call.cancel()
    with pytest.raises(CallCancelled):
        await call
    await check_usable(single)


async def test_the_worker_is_not_told_to_end_by_what_a_call_raises_later(single):
    """A thread that a call leaves behind raises: that is nobody's error."""

    def leave():
        import threading
        import time

        def later():
            time.sleep(0.1)
            raise ValueError("too late")

        threading.Thread(target=later).start()

    await single.submit(leave)
    await asyncio.sleep(0.3)
    await check_usable(single)


async def test_a_thread_that_ends_the_process_loses_the_call(single):
    def die_later():
        import threading
        import time

        threading.Timer(0.1, os._exit, (4,)).start()
        time.sleep(30)

    async with soon():
        with pytest.raises(WorkerLost) as caught:
            await single.submit(die_later)
    assert caught.value.exit_code == 4
    await check_usable(single)


async def test_changed_limits_and_handlers_stay_harmless(single):
    def change():
        import gc
        import signal

        gc.disable()
        sys.setrecursionlimit(200)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        os.umask(0o777)
        os.nice(1)
        os.environ.clear()

    await single.submit(change)
    await check_usable(single)
