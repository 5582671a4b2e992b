"""Windows of the sampler: what calls get, and what is kept of the timeline for them."""

import asyncio
import time
from array import array

import pytest

from greenlithops.energy.carbon import carbon_intensity
from support.machines import IDLE_WATTS, MS, WATTS_PER_CPU, Machine, column, until


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


async def test_live_counters_are_shared_out_by_cpu_time(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS, flowing=True) as sampler:
        machine.busy = 1.6
        sampler.sample()
        window = sampler.open_window()
        begin = time.monotonic_ns()
        await asyncio.sleep(0.3)
        end = time.monotonic_ns()
        cpu = end - begin
        window.add(column(begin, begin), column(end, end), column(cpu, cpu // 2))
        joules = window.settle()
        report = window.report()
        window.close()
    seconds = cpu / 1e9
    assert joules[0] == pytest.approx(WATTS_PER_CPU * seconds, rel=0.05)
    assert joules[1] == pytest.approx(WATTS_PER_CPU * seconds / 2, rel=0.05)
    assert report.joules == pytest.approx(sum(joules))
    assert report.machine_joules == pytest.approx(
        (IDLE_WATTS + 1.6 * WATTS_PER_CPU) * report.window_s, rel=0.05
    )
    assert report.joules + report.idle_joules + report.other_joules == pytest.approx(
        report.machine_joules
    )
    assert report.idle_joules == pytest.approx(IDLE_WATTS * report.window_s, rel=0.05)
    assert (report.kind, report.method, report.calls, report.coverage) == (
        "measured",
        "powercap",
        2,
        1.0,
    )
    assert report.cpu_source == "given"
    assert report.domains == {"package": pytest.approx(report.joules)}
    assert report.joules_low < report.joules < report.joules_high
    assert report.carbon_intensity == carbon_intensity()
    assert report.gco2e == pytest.approx(report.joules / 3.6e6 * carbon_intensity().grams_per_kwh)
    assert report.reason is None
    call = window.call(0)
    assert call.joules == joules[0]
    assert call.domains == {"package": joules[0]}
    # A counter's step of 1 ms at either edge.
    assert call.joules_high / call.joules - 1 == pytest.approx(0.002 / seconds)
    assert not call.aggregate_only


async def test_short_calls_are_flagged_and_add_up(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        machine.busy = 2.0
        window = sampler.open_window()
        begin = time.monotonic_ns()
        time.sleep(0.02)  # noqa: ASYNC251 - the machine is stepped by hand
        machine.step()
        sampler.mark()
        starts = array("q", range(begin, begin + 20 * MS, 2 * MS))
        ends = array("q", [start + 2 * MS for start in starts])
        window.add(starts, ends, array("q", [2 * MS] * 10))
        joules = window.settle()
        assert sum(joules) == pytest.approx(window.report().joules)
        call = window.call(3)
        assert call.aggregate_only
        assert (call.joules_low, call.joules_high) == (0.0, pytest.approx(2 * call.joules))


async def test_idle_power_is_learnt_and_until_then_included(machine):
    async with machine.sampler(interval=3600, idle_interval=3600, flowing=True) as sampler:

        async def burn(busy):
            machine.busy = busy
            await asyncio.sleep(0.06)
            sampler.sample()

        window = sampler.open_window()
        begin = time.monotonic_ns()
        await burn(2.0)
        end = time.monotonic_ns()
        window.add(column(begin), column(end), column(end - begin))
        call = window.call(0)
        assert call.joules_low is None
        assert "idle energy" in call.reason
        assert window.report().idle_joules is None
        window.close()
        for busy in (0.2, 1.8, 0.4, 1.0, 1.4):
            await burn(busy)
        window = sampler.open_window()
        await burn(0.9)
        report = window.report()
    assert report.idle_joules == pytest.approx(IDLE_WATTS * report.window_s, rel=0.2)


async def test_the_timeline_is_pruned_behind_the_oldest_running_call(machine):
    async with machine.sampler(interval=0.002) as sampler:
        window = sampler.open_window()
        intervals = sampler.timeline.intervals
        await until(lambda: len(intervals) >= 5)
        oldest = time.monotonic_ns()
        window.advance(oldest)
        await until(lambda: intervals[0].end_ns >= oldest)
        assert sampler.timeline.first_ns <= oldest
        window.advance(None)
        assert not window.running
        after = time.monotonic_ns()
        await until(lambda: sampler.timeline.first_ns >= after)


async def test_a_long_call_costs_resolution_and_not_memory(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        sampler.timeline._limit = 64
        window = sampler.open_window()
        begin = time.monotonic_ns()
        machine.busy = 1.0
        for _ in range(300):
            machine.step()
            sampler.sample()
            sampler._tick()
        end = sampler.timeline.last_ns
        assert len(sampler.timeline.intervals) <= 65
        window.add(column(begin), column(end), column(end - begin))
        report = window.report()
        assert report.coverage == pytest.approx(1.0, abs=0.02)
        parts = report.joules + report.idle_joules + report.other_joules
        assert parts == pytest.approx(report.machine_joules)
        assert report.machine_joules == pytest.approx(machine.joules, rel=0.02)


async def test_a_job_is_attributed_in_chunks_while_it_runs(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        machine.busy = 2.0
        total = sampler.open_window(running=False)
        assert not total.running
        window = sampler.open_window(total)
        begin = time.monotonic_ns()
        time.sleep(0.02)  # noqa: ASYNC251 - the machine is stepped by hand
        machine.step()
        sampler.sample()
        for part in range(10):
            starts = array("q", [begin + part * MS + i for i in range(500)])
            window.add(starts, array("q", [s + MS for s in starts]), array("q", [4000] * 500))
        assert len(window._joules) == 5000
        assert window.settle() is window._joules
        report = window.report()
        window.close()
        assert total.report().joules == pytest.approx(report.joules)
        assert (total.report().calls, total.report().cpu_s) == (5000, pytest.approx(0.02))
        # 5,000 calls used half of the machine's CPU time.
        dynamic = report.machine_joules - report.idle_joules
        assert report.joules == pytest.approx(
            dynamic * 0.02 / (machine.clock.busy_ns / 1e9), rel=0.02
        )


async def test_two_windows_never_get_more_than_there_is(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        windows = [sampler.open_window() for _ in range(3)]
        begin = time.monotonic_ns()
        machine.busy = 1.0
        time.sleep(0.02)  # noqa: ASYNC251 - the machine is stepped by hand
        machine.step()
        sampler.sample()
        end = sampler.timeline.last_ns
        machine.busy = 0.0
        for window in windows:
            window.add(column(begin), column(end), column(end - begin))
        reports = [window.report() for window in windows]
        dynamic = reports[-1].machine_joules - reports[-1].idle_joules
        assert sum(report.joules for report in reports) <= dynamic * (1 + 1e-9)


async def test_calls_outside_of_the_timeline(machine):
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        before = time.monotonic_ns() - 1000 * MS
        window = sampler.open_window()
        opened = sampler.timeline.last_ns
        machine.busy = 1.0
        time.sleep(0.01)  # noqa: ASYNC251 - the machine is stepped by hand
        machine.step()
        window.add(
            column(before, opened - 10 * MS), column(before + MS, opened + 10 * MS), column(MS, MS)
        )
        unknown, half = window.call(0), window.call(1)
        assert (unknown.joules, unknown.kind, unknown.coverage) == (None, "unavailable", 0.0)
        assert unknown.reason == "the meter was not read while the call ran"
        assert half.coverage == pytest.approx(0.5)
        assert half.joules > 0
        assert half.joules_high is None  # what it cost while nobody looked is not known
