"""Blocks and functions that measure themselves: any code, nested, in threads and in coroutines."""

import asyncio
import inspect
import multiprocessing
import subprocess
import sys
import threading
import time

import pytest
from test_stats_of_calls import spin

import greenlithops as gl
from greenlithops import energy
from greenlithops.energy.clocks import StepClock, metered
from greenlithops.errors import ConfigurationError, UsageError
from support import scripts


def test_a_block_knows_what_it_cost():
    with energy.measure("spinning") as block:
        assert block.energy is None
        assert block.report is None
        spin(0.1)
    assert (block.label, block.scope) == ("spinning", "process")
    assert block.energy.cpu_s == pytest.approx(0.1, rel=0.3)
    assert block.energy.scope == block.report.scope == "process"
    assert block.energy.joules > 0
    assert block.energy.joules <= block.report.machine_joules * (1 + 1e-9)
    parts = block.report.joules + block.report.idle_joules + block.report.other_joules
    assert parts == pytest.approx(block.report.machine_joules)


def test_an_idle_block_costs_little_beside_a_busy_one():
    with energy.measure() as busy:
        spin(0.15)
    with energy.measure() as idle:
        time.sleep(0.15)
    assert idle.energy.joules < busy.energy.joules / 4


def test_nested_blocks_hold_each_other():
    with energy.measure() as outer:
        spin(0.05)
        with energy.measure() as inner:
            spin(0.1)
        assert inner.energy.joules > 0
    assert outer.energy.cpu_s > inner.energy.cpu_s + 0.03
    # Were the inner block's share taken from the outer, the outer would be left with a third.
    assert outer.energy.joules > inner.energy.joules


def test_blocks_in_threads_count_their_own_work():
    found = {}

    def work(name, seconds):
        with energy.measure(name) as found[name]:
            end = time.thread_time() + seconds
            while time.thread_time() < end:
                pass

    def rest(name):
        with energy.measure(name) as found[name]:
            time.sleep(0.2)

    jobs = [("a", 0.1), ("b", 0.2)]
    threads = [threading.Thread(target=work, args=job) for job in jobs]
    threads.append(threading.Thread(target=rest, args=("c",)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {block.scope for block in found.values()} == {"thread"}
    assert found["a"].energy.cpu_s == pytest.approx(0.1, rel=0.3)
    assert found["b"].energy.cpu_s == pytest.approx(0.2, rel=0.3)
    assert found["c"].energy.cpu_s < 0.05
    assert found["c"].energy.joules < found["b"].energy.joules / 2


def test_children_that_ended_in_the_block_count():
    code = "import time\nend = time.process_time() + 0.3\nwhile time.process_time() < end: pass"
    with energy.measure() as block:
        subprocess.run([sys.executable, "-c", code], check=True)
    assert block.energy.cpu_s > 0.28


def test_an_error_passes_and_the_block_is_measured_all_the_same():
    block = energy.measure()

    def fail():
        with block:
            spin(0.03)
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert block.energy.cpu_s > 0.02


async def test_async_with():
    async with energy.measure() as block:
        await asyncio.sleep(0.01)
        spin(0.05)
    assert block.energy.scope == "process"
    assert block.energy.cpu_s > 0.04
    assert block.energy.joules > 0


async def test_plain_with_in_a_coroutine_never_blocks_its_loop():
    with energy.measure() as block:
        await asyncio.sleep(0.01)
        spin(0.05)
    known = asyncio.get_running_loop().create_future()
    loop = asyncio.get_running_loop()
    block.when_known(lambda done: loop.call_soon_threadsafe(known.set_result, done))
    assert (await known).energy.cpu_s > 0.04


async def test_decorated_coroutines_count_their_own_steps():
    @energy.measured
    async def work(seconds):
        """Spin in small steps."""
        for _ in range(5):
            spin(seconds / 5)
            await asyncio.sleep(0)
        return seconds

    assert inspect.iscoroutinefunction(work)
    assert work.__doc__ == "Spin in small steps."
    results = await asyncio.gather(work(0.05), work(0.1), work(0.15))
    assert results == [0.05, 0.1, 0.15]
    assert work.energy.calls == 3
    assert work.energy.cpu_seconds == pytest.approx(0.3, rel=0.3)
    assert work.energy.joules > 0
    assert work.energy.last.energy.scope == "task"
    assert work.energy.last.label.endswith("work")


async def test_metered_coroutines_are_awaited_as_others_are():
    async def fails():
        await asyncio.sleep(0)
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        await metered(fails(), StepClock())

    async def cleans(seen):
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    seen = []
    task = asyncio.ensure_future(_awaiting(metered(cleans(seen), StepClock())))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def _awaiting(awaitable):
    return await awaitable


def test_decorated_functions_and_methods_add_up():
    class Painter:
        @energy.measured(label="paint", scope="thread")
        def paint(self, seconds):
            spin(seconds)
            return self

    painter = Painter()
    assert painter.paint(0.02) is painter
    painter.paint(0.03)
    assert Painter.paint.energy.calls == 2
    assert painter.paint.energy.cpu_seconds == pytest.approx(0.05, rel=0.4)
    assert painter.paint.energy.last.label == "paint"
    assert painter.paint.energy.joules > 0


async def test_a_block_may_hold_an_executor():
    async with energy.measure() as block, gl.AsyncExecutor(max_workers=1) as executor:
        job = executor.map(spin, [0.05] * 2)
        await job
    assert job.energy.joules > 0  # the block took nothing from them
    assert block.energy.cpu_s > job.energy.cpu_s  # its workers have ended in the block
    assert block.energy.joules > 0


def test_switched_off_there_is_no_figure():
    with energy.measure(meter="off") as block:
        pass
    assert block.energy.joules is None
    assert block.energy.kind == "unavailable"
    assert "off" in block.energy.reason


@pytest.mark.parametrize("decorated", [False, True])
def test_an_unknown_meter_is_refused(decorated):
    def enter():
        with energy.measure(meter="perpetuum"):
            pass

    function = energy.measured(meter="perpetuum")(spin) if decorated else enter
    with pytest.raises(ConfigurationError, match="perpetuum"):
        function(*([0.0] if decorated else []))
    with energy.measure() as block:  # and what follows works
        pass
    assert block.energy is not None


async def test_an_unknown_meter_is_refused_in_coroutines():
    with pytest.raises(ConfigurationError, match="perpetuum"):
        async with energy.measure(meter="perpetuum"):
            pass

    @energy.measured(meter="perpetuum")
    async def work():
        pass

    with pytest.raises(ConfigurationError, match="perpetuum"):
        await work()


def test_misuse_is_told():
    with pytest.raises(UsageError, match="'process' or 'thread', not 'galaxy'"):
        energy.measure(scope="galaxy")
    with pytest.raises(UsageError, match="decorate a coroutine function"):
        energy.measure(scope="task")
    block = energy.measure()
    with block:
        pass
    with pytest.raises(UsageError, match="entered once"):
        block.__enter__()

    def numbers():
        yield 1

    with pytest.raises(UsageError, match="is a generator"):
        energy.measured(numbers)

    async def work():
        pass

    with pytest.raises(UsageError, match="is 'task'"):
        energy.measured(scope="thread")(work)
    with pytest.raises(UsageError, match="5 is no function"):
        energy.measured(5)
    for kind in (staticmethod, classmethod):
        with pytest.raises(UsageError, match=f"put @measured next to .* @{kind.__name__} above"):
            energy.measured(kind(spin))


async def test_a_measured_function_is_measured_in_workers():
    @energy.measured
    def twice(number):
        spin(0.05)
        return number * 2

    twice(1)

    def call():
        return twice(3), twice.energy.calls, twice.energy.joules, twice.energy.cpu_seconds

    async with gl.AsyncExecutor(max_workers=1) as executor:
        assert await executor.map(twice, [1, 2]) == [2, 4]
        value, calls, joules, cpu = await executor.submit(call)
    assert (value, calls) == (6, 1)  # it begins anew there
    assert joules > 0
    assert cpu >= 0.05
    assert twice.energy.calls == 1


def test_a_forked_process_measures_for_itself():
    with energy.measure():
        context = multiprocessing.get_context("fork")
        queue = context.SimpleQueue()
        child = context.Process(target=_measure_into, args=(queue,))
        child.start()
        assert queue.get() > 0.02
        child.join()
    queue.close()
    child.close()


def _measure_into(queue):
    with energy.measure() as block:
        spin(0.03)
    queue.put(block.energy.cpu_s)


def test_a_program_may_end_in_a_block(tmp_path):
    out = scripts.run(
        tmp_path,
        """
        import sys
        from greenlithops import energy
        with energy.measure() as first:
            pass
        print(first.energy is not None)
        block = energy.measure().__enter__()
        sys.exit(0)
        """,
    )
    assert out == "True\n"
