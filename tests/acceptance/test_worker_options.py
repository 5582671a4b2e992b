"""What every worker is like: initializer, number of calls, number of workers, surroundings."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import os
import sys
from pathlib import Path

import numpy as np
import pytest

import greenlithops as gl
from greenlithops.errors import CallError, FunctionNotSerializable, InitializerFailed, UsageError
from support.clock import SOON, soon
from support.disasters import sleep_long, square


def remember(key, value):
    import builtins

    setattr(builtins, key, value)


def recall(key):
    import builtins

    return getattr(builtins, key, None)


async def test_the_initializer_runs_before_the_first_call_of_each_worker():
    async with gl.AsyncExecutor(
        max_workers=2, initializer=remember, initargs=("gl_key", 17)
    ) as executor:
        found = await gl.gather(*(executor.submit(recall, "gl_key") for _ in range(20)))
    assert found == [17] * 20


async def test_an_initializer_that_raises_fails_every_call_with_its_error():
    def fail():
        raise LookupError("no licence")

    async with gl.AsyncExecutor(max_workers=2, initializer=fail) as executor:
        job, call = executor.map(square, range(100)), executor.submit(square, 2)
        async with soon(SOON + 1):
            for awaitable in (job, call, executor.submit(square, 3)):
                with pytest.raises(InitializerFailed, match="LookupError: no licence") as caught:
                    await awaitable
                assert isinstance(caught.value.__cause__, LookupError)
            with pytest.raises(InitializerFailed):
                await job[99]
            with pytest.raises(InitializerFailed):
                await executor.map(square, range(5))
            with pytest.raises(InitializerFailed):
                async for _ in executor.map(square, (n for n in range(5))):
                    pass


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt])
async def test_an_initializer_that_exits_fails_the_calls(kind):
    def leave():
        raise kind

    async with gl.AsyncExecutor(max_workers=1, initializer=leave) as executor, soon(SOON + 1):
        with pytest.raises(InitializerFailed, match=kind.__name__):
            await executor.submit(square, 2)


async def test_an_initializer_that_kills_its_worker_fails_the_calls():
    options = {"max_workers": 2, "initializer": os._exit, "initargs": (6,)}
    async with gl.AsyncExecutor(**options) as executor, soon(10):
        with pytest.raises(CallError):
            await executor.map(square, range(10))


async def test_an_initializer_may_print_and_be_slow():
    def prepare():
        print("preparing")
        os.write(1, b"below\n")
        sleep_long(1)

    async with gl.AsyncExecutor(max_workers=1, initializer=prepare) as executor:
        call = executor.submit(square, 3)
        assert await call == 9
        assert call.stats.wall_seconds < 1
        later = executor.submit(square, 4)
        await later
        assert later.logs == ""


async def test_an_initializer_that_cannot_travel_is_told_at_the_start():
    import threading

    lock = threading.Lock()

    def initialize():
        return lock

    with pytest.raises(FunctionNotSerializable, match="lock"):
        async with gl.AsyncExecutor(max_workers=1, initializer=initialize) as executor:
            await executor.submit(square, 1)


def pid_of(_):
    return os.getpid()


@pytest.mark.parametrize("most", [1, 3, 50])
async def test_a_worker_is_replaced_after_its_calls(most):
    async with gl.AsyncExecutor(max_workers=1, max_calls_per_worker=most) as executor:
        count = 4 * most if most < 50 else 120
        async with soon(15):
            pids = await executor.map(pid_of, range(count))
    runs = [pids.count(pid) for pid in dict.fromkeys(pids)]
    assert max(runs) == most
    assert sum(runs) == count
    assert len(runs) == -(-count // most)


async def test_workers_are_replaced_with_two_workers_and_coroutines():
    async def pid():
        await asyncio.sleep(0.01)
        return os.getpid()

    async with gl.AsyncExecutor(max_workers=2, max_calls_per_worker=4) as executor, soon(15):
        pids = await gl.gather(*(executor.submit(pid) for _ in range(20)))
    assert max(pids.count(pid) for pid in pids) <= 4


async def test_one_worker_runs_one_call_at_a_time():
    def work(number):
        import builtins

        assert not getattr(builtins, "gl_busy", False)
        builtins.gl_busy = True
        sleep_long(0.002)
        builtins.gl_busy = False
        return os.getpid()

    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert len(set(await executor.map(work, range(50)))) == 1
        assert len(executor.workers) == 1


async def test_workers_are_started_as_they_are_needed():
    async with gl.AsyncExecutor(max_workers=4) as executor:
        assert len(executor.workers) <= 1
        await executor.submit(square, 1)
        assert len(executor.workers) == 1
        await executor.map(sleep_long, [0.3] * 4)
        assert len(executor.workers) > 1


def variable(name="GL_EXTRA"):
    return os.environ.get(name)


async def test_extra_env_is_set_and_taken_back():
    def fail():
        raise ValueError(os.environ["GL_EXTRA"])

    async with gl.AsyncExecutor(max_workers=1, extra_env={"GL_EXTRA": "all"}) as executor:
        assert await executor.submit(variable) == "all"
        assert await executor.options(extra_env={"GL_EXTRA": 5}).submit(variable) == "5"
        with pytest.raises(ValueError, match="one"):
            await executor.options(extra_env={"GL_EXTRA": "one"}).submit(fail)
        assert await executor.submit(variable) == "all"
        both = executor.map(
            lambda _: (variable(), variable("GL_MORE")), [0], extra_env={"GL_MORE": True}
        )
        assert await both == [("all", "True")]
        assert await executor.submit(variable, "GL_MORE") is None


async def test_extra_env_hides_and_restores_what_was_there(monkeypatch):
    monkeypatch.setenv("GL_EXTRA", "outside")
    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.submit(variable) == "outside"
        assert await executor.options(extra_env={"GL_EXTRA": "inside"}).submit(variable) == "inside"
        assert await executor.submit(variable) == "outside"


@pytest.mark.parametrize(
    "variables", [{"": "x"}, {"A=B": "x"}, {"A\0": "x"}, {1: "x"}, {"A": "\0"}, {"A": None}]
)
async def test_impossible_variables_are_refused(executor, variables):
    with pytest.raises(UsageError):
        executor.map(square, [1], extra_env=variables)
    with pytest.raises(UsageError):
        gl.AsyncExecutor(extra_env=variables)


async def test_directory_and_path_are_the_clients_also_when_they_change(
    executor, tmp_path, monkeypatch
):
    def where():
        return str(Path.cwd()), list(sys.path), sys.argv

    assert await executor.submit(where) == (str(Path.cwd()), sys.path, sys.argv)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert await executor.submit(where) == (str(tmp_path), sys.path, sys.argv)
    assert (await executor.map(lambda _: where(), range(3)))[2][0] == str(tmp_path)
    monkeypatch.undo()
    assert await executor.submit(where) == (str(Path.cwd()), sys.path, sys.argv)


async def test_a_directory_that_is_gone_fails_the_call_and_nothing_else(tmp_path, monkeypatch):
    folder = tmp_path / "passing"
    folder.mkdir()
    async with gl.AsyncExecutor(max_workers=1) as executor:
        await executor.submit(square, 1)
        blocker = executor.submit(sleep_long, 0.4)
        monkeypatch.chdir(folder)
        call = executor.submit(square, 2)
        monkeypatch.undo()
        folder.rmdir()
        async with soon(5):
            await blocker
            with pytest.raises(Exception, match="No such file or directory"):
                await call
            assert await executor.submit(square, 3) == 9


async def test_a_module_beside_the_script_is_found_by_imports_in_functions(
    executor, tmp_path, monkeypatch
):
    (tmp_path / "beside_the_script.py").write_text("VALUE = 31\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    def use():
        import beside_the_script

        return beside_the_script.VALUE

    assert await executor.submit(use) == 31


@pytest.mark.parametrize(
    "options",
    [
        {"max_workers": 0},
        {"worker_concurrency": 0},
        {"max_calls_per_worker": 0},
        {"max_calls_per_worker": -1},
        {"log_bytes": 0},
        {"max_memory": "much"},
        {"max_memory": -5},
        {"max_memory": "0 MiB"},
        {"initializer": 5},
        {"retries": -1},
    ],
)
def test_options_out_of_their_range_are_refused(options):
    with pytest.raises(UsageError):
        gl.AsyncExecutor(**options)


_table = None


def take_table(table, text):
    global _table  # noqa: PLW0603 - how initializers hand things to functions
    table[0] = 5.0  # it is the worker's own
    _table = table, text


def look_up(index):
    return float(_table[0][index]), len(_table[1])


async def test_an_initializer_takes_large_arguments():
    table, text = np.arange(100_000.0), b"x" * 100_000
    options = {"max_workers": 2, "initializer": take_table, "initargs": (table, text)}
    async with gl.AsyncExecutor(**options) as executor:
        assert await executor.map(look_up, [0, 99_999]) == [(5.0, 100_000), (99_999.0, 100_000)]
    assert table[0] == 0.0
