"""A call that ends its process gets the right error; the others get their results."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import os
import signal

import pytest

import greenlithops as gl
from greenlithops.errors import CallTimeout, OutOfMemory, WorkerLost
from support import disasters, scripts
from support.clock import SOON, soon
from support.disasters import square


@pytest.fixture
async def warm(executor):
    """An executor whose workers have started."""
    await asyncio.gather(*(executor.submit(disasters.sleep_long, 0.1) for _ in range(2)))
    return executor


async def check_usable(executor):
    async with soon(SOON + 3):
        assert await executor.map(square, range(50)) == [square(n) for n in range(50)]


async def among_others(executor, function, *args):
    """Run a deadly call among others; return its error, having checked the others."""
    others = [executor.submit(square, number) for number in range(20)]
    deadly = executor.submit(function, *args)
    others += [executor.submit(square, number) for number in range(20, 40)]
    async with soon():
        with pytest.raises(WorkerLost) as caught:
            await deadly
    async with soon():
        assert [await other for other in others] == [square(number) for number in range(40)]
    await check_usable(executor)
    return caught.value


async def test_an_exit_is_told_with_its_status(warm):
    error = await among_others(warm, disasters.end_with, 3)
    assert (error.exit_code, error.signal) == (3, None)
    assert "exited with status 3" in str(error)
    assert isinstance(error, RuntimeError)


async def test_an_exit_with_success_is_an_error_too(warm):
    error = await among_others(warm, disasters.end_with, 0)
    assert error.exit_code == 0


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGABRT", "SIGALRM", "SIGHUP"])
async def test_a_signal_is_told_by_name(warm, name):
    number = getattr(signal, name)
    error = await among_others(warm, disasters.end_by, number)
    assert (error.exit_code, error.signal) == (None, number)
    assert name in str(error)


async def test_a_segmentation_fault_is_told_with_where_it_happened(warm):
    error = await among_others(warm, disasters.fault)
    assert error.signal == signal.SIGSEGV
    assert "string_at" in str(error)


async def test_an_abort_is_told_with_where_it_happened(warm):
    error = await among_others(warm, disasters.abort)
    assert error.signal == signal.SIGABRT
    assert "in abort" in str(error)


async def test_calls_that_kill_one_worker_after_the_other_harm_nobody_else(executor):
    """The first call of every new worker kills it: that is the calls' fault, not the workers'."""
    job = executor.map(disasters.end_with, [3] * 8)
    found = await job.results(return_exceptions=True)
    assert [type(error) for error in found] == [WorkerLost] * 8
    assert {error.exit_code for error in found} == {3}
    await check_usable(executor)


async def test_only_the_running_call_of_a_batch_is_lost(warm):
    """Calls that wait at the worker for their turn are given to another one."""
    await warm.map(square, range(2000))  # from here on they travel in batches

    def die_at(number):
        if number == 777:
            os._exit(5)
        return number * number

    await warm.map(die_at, range(200))
    found = await warm.map(die_at, range(2000)).results(return_exceptions=True)
    assert isinstance(found[777], WorkerLost)
    assert [n for n in range(2000) if n != 777 and found[n] != n * n] == []


async def test_calls_that_had_ended_are_not_run_again(warm, tmp_path):
    """What a worker has done before it dies is done once: calls may have effects."""

    def write(number):
        with (tmp_path / f"{number}").open("a") as file:
            file.write("x")
        if number == 150:
            os.kill(os.getpid(), signal.SIGKILL)

    await warm.map(write, range(1000, 1100))
    await warm.map(write, range(300)).results(return_exceptions=True)
    runs = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert {name for name, times in runs.items() if times != 1} == set()


async def test_memory_beyond_the_limit_is_an_error_of_the_call():
    async with gl.AsyncExecutor(max_workers=2, max_memory="300 MiB") as executor:
        assert await executor.submit(disasters.allocate, 1 << 20) == 1 << 20
        async with soon():
            with pytest.raises(OutOfMemory, match="max_memory of 314572800 bytes") as caught:
                await executor.submit(disasters.allocate, 1 << 30)
        assert isinstance(caught.value, MemoryError)
        await check_usable(executor)


async def test_a_result_too_large_for_the_memory_is_an_error_of_the_call():
    def grow():
        return ["x" * 1000 + str(number) for number in range(150_000)]

    async with gl.AsyncExecutor(max_workers=1, max_memory="300 MiB") as executor:
        assert await executor.submit(square, 5) == 25
        async with soon(10):
            with pytest.raises(OutOfMemory):
                await executor.submit(grow)
        await check_usable(executor)


async def test_arguments_too_large_for_the_memory_are_an_error_of_the_call():
    async with gl.AsyncExecutor(max_workers=1, max_memory="200 MiB") as executor:
        assert await executor.submit(square, 5) == 25
        async with soon(10):
            with pytest.raises(OutOfMemory):
                await executor.submit(len, bytes(400 << 20))
        await check_usable(executor)


async def test_closing_all_descriptors_loses_the_worker_and_says_why(warm):
    error = await among_others(warm, disasters.close_descriptors)
    assert "descriptors" in str(error)
    assert "out of memory" not in str(error)


@pytest.mark.parametrize(
    "function", [disasters.spin, disasters.hold_the_lock, disasters.sleep_long]
)
async def test_a_call_without_end_is_stopped_at_its_timeout(warm, function):
    others = [warm.submit(square, number) for number in range(20)]
    endless = warm.options(timeout=0.4).submit(function)
    async with soon():
        with pytest.raises(CallTimeout, match=r"0\.4 s"):
            await endless
    assert isinstance(endless.exception(), TimeoutError)
    assert [await other for other in others] == [square(number) for number in range(20)]
    await check_usable(warm)


async def test_descendants_of_a_lost_worker_end_with_it(warm):
    def start_and_die():
        import subprocess

        process = subprocess.Popen(["sleep", "3600"])
        (warm_file).write_text(str(process.pid))
        os._exit(1)

    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory() as folder:
        warm_file = Path(folder) / "pid"
        with pytest.raises(WorkerLost):
            await warm.submit(start_and_die)
        assert scripts.gone([int(warm_file.read_text())], SOON) == []
