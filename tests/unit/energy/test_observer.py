"""Windows that observe: they are told their share, and take nothing from others."""

import pytest

from support.machines import IDLE_WATTS, WATTS_PER_CPU, Machine, column


async def test_what_others_were_given_is_nothing_to_an_observer(tmp_path):
    machine = Machine(tmp_path)
    async with machine.sampler(idle_watts=IDLE_WATTS, interval=3600, idle_interval=3600) as sampler:
        calls = sampler.open_window()
        outer, inner = (sampler.open_window(observer=True) for _ in range(2))
        begin = sampler.timeline.last_ns
        machine.joules += IDLE_WATTS + 2 * WATTS_PER_CPU  # a second with two busy CPUs
        machine.clock.busy_ns += 2_000_000_000
        with machine.file.open("r+") as file:
            file.write(f"{int(machine.joules * 1e6):012d}\n")
        sampler.timeline.append(
            begin + 1_000_000_000, sampler.selection.meter.read(), machine.clock.read()
        )
        end = begin + 1_000_000_000
        # The calls use all of both CPUs; a block around them, too; one inside, half a CPU.
        for window, cpu in ((calls, 2.0), (outer, 2.0), (inner, 0.5)):
            window.add(column(begin), column(end), column(int(cpu * 1e9)))
        joules = [window.settle()[0] for window in (inner, calls, outer)]
        reports = [window.report() for window in (calls, outer, inner)]
        for window in (calls, outer, inner):
            window.close()
    assert joules == pytest.approx([0.5 * WATTS_PER_CPU, 2 * WATTS_PER_CPU, 2 * WATTS_PER_CPU])
    for report in reports:
        parts = report.joules + report.idle_joules + report.other_joules
        assert parts == pytest.approx(report.machine_joules)


async def test_without_observing_nothing_is_given_twice(tmp_path):
    machine = Machine(tmp_path)
    async with machine.sampler(idle_watts=IDLE_WATTS, interval=3600, idle_interval=3600) as sampler:
        first, second = sampler.open_window(), sampler.open_window()
        begin = sampler.timeline.last_ns
        machine.joules += IDLE_WATTS + WATTS_PER_CPU
        machine.clock.busy_ns += 1_000_000_000
        with machine.file.open("r+") as file:
            file.write(f"{int(machine.joules * 1e6):012d}\n")
        end = begin + 1_000_000_000
        sampler.timeline.append(end, sampler.selection.meter.read(), machine.clock.read())
        for window in (first, second):
            window.add(column(begin), column(end), column(1_000_000_000))
        given = [window.settle()[0] for window in (first, second)]
        for window in (first, second):
            window.close()
    assert sum(given) == pytest.approx(WATTS_PER_CPU)
