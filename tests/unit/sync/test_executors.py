import asyncio
import functools
import os
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.config.settings import worker_memory
from greenlithops.errors import ConfigurationError, ExecutorClosed, OutOfMemory, UsageError
from support.clock import BUSY
from support.disasters import hold


def square(x):
    return x * x


def fail_on_two(x):
    if x == 2:
        raise ValueError("two")
    return x


def nap(seconds):
    time.sleep(seconds)
    return seconds


def test_it_works_without_a_block_and_ends_when_forgotten():
    fexec = gl.FunctionExecutor(max_workers=1, energy="off")
    fexec.map(square, [1, 2])
    assert fexec.get_result() == [1, 4]
    del fexec  # its worker ends, or the test would leave a process behind


def test_a_forgotten_executor_still_ends_its_calls():
    future = gl.FunctionExecutor(max_workers=1, energy="off").call_async(nap, 0.1)
    assert future.result() == 0.1


def test_futures_are_read_after_the_block():
    with gl.FunctionExecutor(max_workers=2, energy="off") as fexec:
        futures = fexec.map(nap, [0.05, 0.06])
        single = fexec.call_async(square, 3)
    assert futures.get_result() == [0.05, 0.06]
    assert single.result() == 9
    with pytest.raises(ExecutorClosed):
        fexec.map(square, [1])


def test_a_block_left_by_an_error_cancels():
    futures = []
    with pytest.raises(KeyError), gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
        raise KeyError(futures.append(fexec.call_async(nap, 600)))
    (future,) = futures
    assert future.cancelled()
    assert future.done
    assert future._state == "Unknown"


def test_the_attributes_that_lithops_has():
    with gl.LocalhostExecutor(max_workers=1, energy="off") as fexec:
        assert fexec.last_call is None
        fexec.call_async(square, 1)
        futures = fexec.map(square, [1, 2])
        head, _, tail = fexec.executor_id.partition("-")
        assert len(head) == 6
        assert int(head, 16) >= 0
        assert tail.isdigit()
        assert fexec.backend == fexec.mode == "localhost"
        assert fexec.config["localhost"]["max_workers"] == 1
        assert fexec.total_jobs == 2
        assert fexec.last_call == "map"
        assert fexec.futures[1:] == list(futures)
        assert not fexec.is_lithops_worker
        assert fexec.data_cleaner is True
        assert [f.job_id for f in fexec.futures] == ["A000", "M001", "M001"]
        assert [f.call_id for f in futures] == ["00000", "00001"]
        assert futures[0].job_key == f"{fexec.executor_id}-M001"
        assert repr(fexec).startswith(f"<LocalhostExecutor {fexec.executor_id} localhost open")


def test_the_works_of_lithops_end_calls_and_lead_to_the_storage(fexec):
    keep, stop = fexec.map(nap, [0.5]), fexec.map(nap, [30, 30, 30])
    fexec.invoker.stop()
    fexec.job_monitor.stop()
    fexec.compute_handler.clear([stop[0].job_key])
    assert fexec.wait(stop, throw_except=False)[1] == []
    assert all(future.cancelled() for future in stop)
    assert keep.get_result() == [0.5]
    assert fexec.internal_storage.storage is fexec.storage
    assert fexec.internal_storage.bucket == fexec.storage.bucket
    with pytest.raises(AttributeError, match=r"no invoker\.select_runtime: calls are given"):
        fexec.invoker.select_runtime("A000", 256)


def test_unknown_options_are_refused():
    with pytest.raises(ConfigurationError, match="did you mean 'max_workers'"):
        gl.FunctionExecutor(max_wrkers=3)


def test_an_error_raises_and_stops_the_others(fexec):
    slow = fexec.call_async(nap, 20)
    futures = fexec.map(fail_on_two, [1, 2, 3])
    with pytest.raises(ValueError, match="two") as raised:
        fexec.get_result([slow, *futures])
    assert any("fail_on_two" in note for note in raised.value.__notes__)
    assert slow.cancelled()
    assert fexec.get_result() == []  # what failed is not raised again


def test_errors_can_be_left_out(fexec):
    futures = fexec.map(fail_on_two, [1, 2, 3])
    assert fexec.get_result(futures, throw_except=False) == [1, None, 3]
    assert [f.error for f in futures] == [False, True, False]
    done, not_done = fexec.wait(futures, throw_except=False)
    assert (len(done), len(not_done)) == (3, 0)


@pytest.mark.parametrize(
    ("return_when", "least"),
    [(gl.ANY_COMPLETED, 1), (gl.ALWAYS, 0), (50, 2), (25, 1), (gl.ALL_COMPLETED, 4)],
)
def test_a_wait_returns_when_so_many_have_ended(fexec, return_when, least):
    fexec.get_result(fexec.map(square, [1, 2]))  # workers are there
    futures = fexec.map(nap, [0.01, 0.02, 0.3, 0.3])
    done, not_done = fexec.wait(futures, return_when=return_when)
    assert len(done) >= least
    assert len(done) + len(not_done) == 4
    assert (len(done) == 4) == (return_when == gl.ALL_COMPLETED)
    assert all(f.done for f in done)


def test_a_wait_for_an_impossible_share_is_refused(fexec):
    with pytest.raises(UsageError, match="percentage"):
        fexec.wait(fexec.map(square, [1]), return_when=101)


@pytest.mark.parametrize("in_thread", [False, True])
def test_timeouts_leave_the_calls_alone_in_any_thread(fexec, in_thread, tmp_path):
    future = fexec.call_async(hold, tmp_path / "go")
    seen = []

    def wait():
        with pytest.raises(TimeoutError, match=r"Timeout of 0\.1 seconds") as caught:
            fexec.get_result(timeout=0.1)
        seen.append(caught.type)

    if in_thread:
        thread = threading.Thread(target=wait)
        thread.start()
        thread.join(BUSY)
    else:
        wait()
    assert issubclass(seen[0], TimeoutError)
    (tmp_path / "go").touch()
    assert future.result() == "go"


def test_a_timeout_of_a_call_is_the_calls_error(fexec):
    future = fexec.call_async(nap, 600, timeout=0.2)
    with pytest.raises(gl.errors.CallTimeout):
        fexec.get_result(future)


def test_two_threads_use_one_executor(fexec):
    results = {}

    def use(offset):
        futures = fexec.map(square, range(offset, offset + 50))
        results[offset] = fexec.get_result(futures)

    threads = [threading.Thread(target=use, args=(offset,)) for offset in (0, 1000)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert results == {o: [x * x for x in range(o, o + 50)] for o in (0, 1000)}


def test_two_hundred_threads_use_one_executor(fexec):
    results = []
    threads = [
        threading.Thread(target=lambda x=x: results.append(fexec.call_async(square, x).result()))
        for x in range(200)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BUSY)
    assert sorted(results) == [x * x for x in range(200)]


def test_functions_of_the_module_take_futures_of_several_executors(fexec, other):
    futures = [fexec.call_async(square, 2), *other.map(square, [3, 4])]
    done, not_done = gl.wait(futures)
    assert (len(done), len(not_done)) == (3, 0)
    assert gl.get_result(futures) == [4, 9, 16]
    assert gl.get_result(futures[0]) == [4]
    assert gl.wait([]) == ([], [])


async def test_the_top_level_wait_is_awaited_for_futures_of_the_other_face(executor):
    job = executor.map(square, [1, 2])
    done, pending = await gl.wait([job])
    assert (len(done), len(pending)) == (2, 0)
    done, pending = await gl.wait(job, timeout=BUSY, return_when="FIRST_COMPLETED")
    assert done
    assert await gl.wait([]) == (set(), set())


def test_memory_is_limited_for_the_executor_and_for_calls():
    with gl.FunctionExecutor(max_workers=1, runtime_memory=200, energy="off") as fexec:
        assert fexec.call_async(square, 2).runtime_memory == 200
        with pytest.raises(OutOfMemory):
            fexec.call_async(bytearray, worker_memory(200)).result()
        future = fexec.call_async(len, [b"x" * 10], runtime_memory=1000)
        assert future.result() == 1
        assert future.runtime_memory == 1000


def test_the_environment_is_set_around_calls(fexec):
    def look(name):
        return os.environ.get(name)

    fexec.map(look, ["A_B_C"] * 2, extra_env={"A_B_C": True})
    assert fexec.get_result() == ["True", "True"]
    assert fexec.get_result(fexec.call_async(look, "A_B_C")) == []  # None is no result


def test_coroutine_functions_partials_and_methods_run(fexec):
    async def later(x):
        await asyncio.sleep(0.01)
        return x + 1

    class Adder:
        def __init__(self, n):
            self.n = n

        def __call__(self, x):
            return x + self.n

        def add(self, x):
            return x + self.n

    for function in (later, functools.partial(square), Adder(1), Adder(2).add, lambda x: x):
        assert len(fexec.get_result(fexec.map(function, [1, 2]))) == 2
    with pytest.raises(ValueError, match="function is needed"):
        fexec.map(3, [1])


def test_no_calls_are_no_futures(fexec):
    assert fexec.map(square, []) == []
    assert fexec.get_result() == []
    assert fexec.wait() == ([], [])


def test_what_is_about_objects_is_as_in_lithops_ignored_elsewhere(fexec):
    assert fexec.get_result(fexec.map(square, [3], obj_chunk_number=3)) == [9]


def test_cleaning_forgets_what_was_read_and_can_stop_the_rest(fexec):
    fexec.map(square, [1, 2])
    fexec.get_result()
    slow = fexec.call_async(nap, 20)
    fexec.clean()
    assert fexec.futures == [slow]
    fexec.clean(force=True)
    assert slow.cancelled()
    assert fexec.futures == []


def test_retries_of_the_config_are_used(tmp_path):
    def second_time(mark):
        if mark.exists():
            return "again"
        mark.touch()
        raise OSError("first")

    config = {"lithops": {"retries": 1}, "localhost": {"energy": "off"}}
    with gl.FunctionExecutor(config=config, max_workers=1) as fexec:
        assert fexec.call_async(second_time, tmp_path / "mark").result() == "again"
