"""The sampler: when it samples, whom it is shared by, and nothing left behind."""

import asyncio
import threading
import time
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from greenlithops.energy import sharing
from greenlithops.energy.meters import Refusal, Selection
from greenlithops.energy.sampler import EnergySampler
from greenlithops.energy.sharing import shared_sampler
from greenlithops.errors import ExecutorClosed
from support.machines import MS, Machine, column


@pytest.fixture
def machine(tmp_path):
    return Machine(tmp_path)


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
