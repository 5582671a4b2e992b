"""What calls cost: of a kind, never more than the machine, and nothing at all when switched off."""

import pytest
from test_stats_of_calls import pause, spin

import greenlithops as gl
from support import scripts
from support.disasters import square

KINDS = {"measured", "estimated", "unavailable"}


async def test_a_call_a_job_and_an_executor_have_energy_of_a_kind(executor):
    job = executor.map(spin, [0.05] * 6)
    assert job[0].energy is None
    await job
    call, total, whole = job[2].energy, job.energy, executor.energy
    for record in (call, total, whole):
        assert record.kind in KINDS
        assert (record.joules is None) == (record.kind == "unavailable")
        assert record.method
    assert total.calls == 6
    assert whole.calls >= 6
    assert call.joules is not None, call.reason  # the model works where no counter can be read
    assert call.joules > 0
    assert call.cpu_s == pytest.approx(job[2].stats.cpu_seconds)
    assert call.joules_low is None or call.joules_low <= call.joules
    assert call.joules_high >= call.joules


async def test_calls_never_get_more_than_the_machine_burned(executor):
    jobs = [executor.map(spin, [0.03] * 8), executor.map(pause, [0.05] * 6)]
    await gl.gather(*jobs)
    calls = [future.energy for job in jobs for future in job.futures]
    assert all(call.joules is not None for call in calls)
    for job in jobs:
        mine = sum(future.energy.joules for future in job.futures)
        assert mine == pytest.approx(job.energy.joules, rel=1e-6)
        assert mine <= job.energy.machine_joules * (1 + 1e-9)
    assert sum(call.joules for call in calls) <= executor.energy.machine_joules * (1 + 1e-9)
    assert executor.energy.joules == pytest.approx(sum(job.energy.joules for job in jobs), rel=1e-6)
    busy, idle = jobs[0].energy.joules, jobs[1].energy.joules
    assert busy > idle


async def test_failed_attempts_cost_too(executor, tmp_path):
    def work():
        spin(0.05)
        if not (tmp_path / "tried").exists():
            (tmp_path / "tried").touch()
            raise ConnectionError

    call = executor.options(retries=1).submit(work)
    await call
    assert call.stats.attempt == 2
    assert call.energy.cpu_s > call.stats.cpu_seconds * 1.5


async def test_energy_can_be_read_after_the_end():
    async with gl.AsyncExecutor(max_workers=1) as executor:
        job = executor.map(spin, [0.02] * 3)
        await job
    assert job.energy.calls == 3
    assert executor.energy.calls == 3
    assert job[1].energy.kind in KINDS
    assert str(job.energy)


async def test_switched_off_there_is_none():
    async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
        job = executor.map(square, range(5))
        await job
        assert job[0].energy is None
        assert job.energy is None
        assert executor.energy is None


def test_switched_off_nothing_of_it_is_imported(tmp_path):
    out = scripts.run(
        tmp_path,
        """
        import asyncio, sys, threading
        import greenlithops as gl

        async def main():
            before = asyncio.all_tasks(), threading.enumerate()
            async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
                await executor.map(abs, range(5))
                assert (asyncio.all_tasks(), threading.enumerate()) == before
            print([name for name in sys.modules if name.startswith("greenlithops.energy")])

        asyncio.run(main())
        """,
    )
    assert out == "[]\n"


async def test_an_unknown_meter_is_refused():
    with pytest.raises((ValueError, RuntimeError), match="perpetuum"):
        async with gl.AsyncExecutor(energy="perpetuum"):
            pass
