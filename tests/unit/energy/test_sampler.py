"""The sampler and its windows: live counters, many users, and nothing left behind."""

import asyncio
import threading
import time
from array import array
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from greenlithops.energy import sharing
from greenlithops.energy.carbon import carbon_intensity
from greenlithops.energy.meters import Refusal, Selection
from greenlithops.energy.meters.powercap import open_meter
from greenlithops.energy.sampler import EnergySampler
from greenlithops.energy.sharing import shared_sampler
from greenlithops.errors import ExecutorClosed

MS = 1_000_000
IDLE_WATTS, WATTS_PER_CPU = 20.0, 50.0


class Clock:
    """The CPU time of a machine that the test drives."""

    name = "given"
    resolution = 0.0

    def __init__(self):
        self.busy_ns = 0

    def read(self):
        return self.busy_ns

    def close(self):
        pass


#: how much a busy machine may delay the steps of the one that is played here, as a share
LATE = 0.25


class Machine:
    """A powercap tree whose counters follow the CPU time that a task or the test lets it use."""

    def __init__(self, path):
        self.file = path / "intel-rapl:0" / "energy_uj"
        self.file.parent.mkdir()
        (self.file.parent / "name").write_text("package-0\n")
        (self.file.parent / "max_energy_range_uj").write_text("262143328850\n")
        self.file.write_text("0\n")
        self.path = path
        self.clock = Clock()
        self.busy = 0.0
        self.joules = 0.0
        self._last = time.monotonic()

    def selection(self):
        return Selection("auto", open_meter(str(self.path)), (Refusal("perf", "not allowed"),))

    def sampler(self, **options):
        options = {
            "interval": 0.01,
            "idle_interval": 0.02,
            "cpus": 2,
            "clock": self.clock,
        } | options
        return EnergySampler(self.selection(), **options)

    def step(self):
        """Burn what the time since the last step costs at the present load."""
        now = time.monotonic()
        elapsed, self._last = now - self._last, now
        self.joules += (IDLE_WATTS + WATTS_PER_CPU * self.busy) * elapsed
        self.clock.busy_ns += int(self.busy * elapsed * 1e9)
        # Replaced in place by one write, as the kernel's file is: a reader never sees half of it.
        with self.file.open("r+") as file:
            file.write(f"{int(self.joules * 1e6):012d}\n")

    async def live(self):
        while True:
            self.step()
            await asyncio.sleep(0.001)


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


async def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.002)


def column(*values):
    return array("q", values)


async def test_live_counters_are_shared_out_by_cpu_time(machine):
    burning = asyncio.create_task(machine.live())
    async with machine.sampler(idle_watts=IDLE_WATTS) as sampler:
        machine.busy = 1.6
        window = sampler.open_window()
        begin = time.monotonic_ns()
        await asyncio.sleep(0.3)
        end = time.monotonic_ns()
        cpu = end - begin
        window.add(column(begin, begin), column(end, end), column(cpu, cpu // 2))
        machine.step()
        joules = window.settle()
        report = window.report()
        window.close()
    burning.cancel()
    seconds = cpu / 1e9
    assert joules[0] == pytest.approx(WATTS_PER_CPU * seconds, rel=LATE)
    assert joules[1] == pytest.approx(WATTS_PER_CPU * seconds / 2, rel=LATE)
    assert report.joules == pytest.approx(sum(joules))
    assert report.machine_joules == pytest.approx(
        (IDLE_WATTS + 1.6 * WATTS_PER_CPU) * seconds, rel=LATE
    )
    assert report.joules + report.idle_joules + report.other_joules == pytest.approx(
        report.machine_joules
    )
    assert report.idle_joules == pytest.approx(IDLE_WATTS * report.window_s, rel=LATE)
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
    async with machine.sampler(interval=3600, idle_interval=3600) as sampler:

        async def burn(busy):
            machine.busy = busy
            await asyncio.sleep(0.06)
            machine.step()
            sampler.sample()

        machine.step()
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
        machine.step()
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
        await until(lambda: len(intervals) < 5)
        assert sampler.timeline.first_ns <= oldest
        window.advance(None)
        assert not window.running
        await until(lambda: len(intervals) <= 1)


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


async def test_counters_that_vanish_end_the_timeline_with_a_reason(machine):
    async with machine.sampler() as sampler:
        window = sampler.open_window()
        machine.file.unlink()
        await asyncio.sleep(0.05)
        assert "all RAPL counters are gone" in sampler.failure
        assert sampler._timer is None
        now = time.monotonic_ns()
        window.add(column(now), column(now + MS), column(MS))
        assert window.call(0).joules is None
        assert "all RAPL counters are gone" in window.call(0).reason
        assert window.report().joules is None


@pytest.mark.parametrize(
    ("selection", "reason"),
    [
        (Selection("off", None), "energy is switched off"),
        (Selection("auto", None, (Refusal("powercap", "none here"),)), "powercap: none here"),
    ],
)
async def test_without_a_meter_all_is_none_and_nothing_runs(selection, reason):
    async with EnergySampler(selection) as sampler:
        window = sampler.open_window()
        now = time.monotonic_ns()
        window.add(column(now, now), column(now + MS, now + 2 * MS), column(MS, MS))
        window.advance(now)
        sampler.mark()
        assert sampler._timer is None
        assert list(map(str, window.settle())) == ["nan", "nan"]
        call, report = window.call(1), window.report()
        window.close()
    for record in (call, report):
        assert record.joules is None
        assert record.joules_low is record.joules_high is record.gco2e is record.idle_joules is None
        assert (record.kind, record.method, record.reason) == ("unavailable", "none", reason)
    assert (report.calls, report.cpu_s) == (2, pytest.approx(0.002))
    assert call.window_s == pytest.approx(0.002)


async def test_a_window_needs_an_open_sampler(machine):
    sampler = machine.sampler()
    with pytest.raises(ExecutorClosed, match="async with"):
        sampler.open_window()
    async with sampler:
        window = sampler.open_window()
        with pytest.raises(ValueError, match="differ in length"):
            window.add(column(1), column(2), column())
        window.add(column(), column(), column())
        with pytest.raises(IndexError):
            window.call(0)


async def test_marks_are_rate_limited(machine):
    async with machine.sampler(interval=5) as sampler:
        for _ in range(100):
            sampler.mark()
        assert len(sampler.timeline.intervals) < 20
        await asyncio.sleep(0.002)
        last = sampler.timeline.last_ns
        sampler.mark()
        assert sampler.timeline.last_ns > last


async def test_it_samples_fast_only_while_calls_run(machine):
    async with machine.sampler(interval=0.005, idle_interval=10) as sampler:
        first = sampler.timeline.last_ns
        await asyncio.sleep(0.03)
        assert sampler.timeline.last_ns == first
        window = sampler.open_window()
        await asyncio.sleep(0.03)
        assert sampler.timeline.last_ns > first + 10 * MS
        window.close()
        last = sampler.timeline.last_ns
        await asyncio.sleep(0.03)
        assert sampler.timeline.last_ns == last


async def test_it_samples_often_enough_for_counters_that_wrap(machine):
    (machine.file.parent / "max_energy_range_uj").write_text("60000000\n")  # 60 ms at 1 kW
    async with machine.sampler(interval=1, idle_interval=1) as sampler:
        assert sampler._delays == pytest.approx((0.015, 0.015))


def open_files():
    return set(Path("/dev/fd").iterdir())


def leftovers():
    return open_files(), set(threading.enumerate()), asyncio.all_tasks()


async def nothing_is_left(before):
    """Wait for threads that are about to end, then compare."""
    for _ in range(100):
        files, threads, tasks = leftovers()
        if files == before[0] and threads <= before[1]:
            break
        await asyncio.sleep(0.01)
    assert files == before[0]
    assert threads <= before[1]
    assert tasks == before[2]


async def test_nothing_is_left_behind(machine):
    before = leftovers()
    async with machine.sampler() as sampler:
        window = sampler.open_window()
        await asyncio.sleep(0.02)
        assert asyncio.all_tasks() == before[2]
    await nothing_is_left(before)
    samples = len(sampler.timeline.intervals)
    await asyncio.sleep(0.03)
    assert len(sampler.timeline.intervals) == samples
    assert window.report().kind == "measured"
    assert sampler.failure == "the sampler has been closed"


async def test_cancelling_its_user_closes_it(machine):
    async def use():
        async with machine.sampler() as sampler:
            sampler.open_window()
            started.set_result(sampler)
            await asyncio.sleep(60)

    started = asyncio.get_running_loop().create_future()
    before = open_files()
    task = asyncio.create_task(use())
    sampler = await started
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert sampler._timer is None
    assert open_files() == before


async def test_users_of_a_loop_share_one_sampler():
    before = leftovers()
    async with shared_sampler() as one, shared_sampler() as two:
        assert one is two
        async with shared_sampler("off") as off:
            assert off is not one
            assert off.selection.meter is None
        window = two.open_window()
        begin, stop = time.monotonic_ns(), time.thread_time() + 0.05
        while time.thread_time() < stop:
            pass
        window.add(column(begin), column(time.monotonic_ns()), column(50 * MS))
        assert window.call(0).joules > 0
        assert window.report().joules > 0
    await nothing_is_left(before)
    assert not sharing._shared[asyncio.get_running_loop()].samplers
    async with shared_sampler() as three:
        assert three is not one


async def test_users_who_come_at_once_share_one_too():
    async def use():
        async with shared_sampler("model") as sampler:
            await asyncio.sleep(0.05)
            return sampler

    first, *others = await asyncio.gather(*(use() for _ in range(5)))
    assert all(other is first for other in others)


async def test_a_user_who_is_cancelled_while_it_opens_leaves_nothing():
    async def use():
        async with shared_sampler():
            await asyncio.sleep(60)

    before = leftovers()
    for delay in (0, 0.0002, 0.001, 0.003, 0.02):
        task = asyncio.create_task(use())
        await asyncio.sleep(delay)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await nothing_is_left(before)


async def test_the_loop_is_never_blocked():
    guard = BlockBuster()
    guard.activate()
    try:
        async with shared_sampler() as sampler:
            window = sampler.open_window()
            await asyncio.sleep(0.12)
            assert window.report().joules is not None
    finally:
        guard.deactivate()


def test_each_loop_has_its_own():
    async def use():
        async with shared_sampler("model") as sampler:
            return sampler

    first, second = asyncio.run(use()), asyncio.run(use())
    assert first is not second
