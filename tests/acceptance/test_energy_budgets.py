"""Budgets that stop jobs with what they have, and logs that executors write."""

import asyncio
import json

import pytest
from test_stats_of_calls import pause, spin

import greenlithops as gl
from greenlithops.dispatch.spending import joules
from greenlithops.energy.log import EnergyLog
from greenlithops.errors import EnergyBudgetExceeded, UsageError
from greenlithops.sync.loop import background

background().call(lambda: None)  # belongs to the process, not to the test that comes first


async def cost_of_one(executor):
    """Return what a call of 20 ms of CPU costs here, about."""
    job = executor.map(spin, [0.02] * 10)
    await job
    return job.energy.joules / 10


async def test_a_job_stops_within_its_budget_with_what_it_has(executor):
    each = await cost_of_one(executor)
    budget = each * 40
    job = executor.map(spin, [0.02] * 2000, energy_budget=budget)
    with pytest.raises(EnergyBudgetExceeded, match=r"^stopped at .* of an energy budget of"):
        await job
    await job.wait()
    results = await job.results(return_exceptions=True)
    assert len(results) == 2000
    done = [result for result in results if not isinstance(result, Exception)]
    assert 5 < len(done) < 200
    assert all(isinstance(r, EnergyBudgetExceeded) for r in results if isinstance(r, Exception))
    assert job.stopped.budget == budget
    assert job.stopped.joules <= job.energy.joules
    assert job.energy.joules < 2 * budget
    assert job.progress.done == len(done)
    assert job.progress.failed == 2000 - len(done)
    # The executor goes on with other jobs.
    assert len(await executor.map(spin, [0.001] * 3)) == 3


async def test_endless_inputs_end_at_their_budget(executor):
    each = await cost_of_one(executor)

    def numbers():
        while True:
            yield 0.01

    job = executor.map(spin, numbers(), energy_budget=f"{each * 20 * 1000:.6f} mJ")
    seen = []

    async def read():
        async for result in job:
            seen.append(result)  # noqa: PERF401 - what was seen until the error counts

    with pytest.raises(EnergyBudgetExceeded):
        await read()
    assert len(seen) > 2
    assert job.stopped is not None


async def test_retries_do_not_go_on_after_the_end(executor):
    def fail(seconds):
        spin(seconds)
        raise ConnectionError

    each = await cost_of_one(executor)
    policy = gl.RetryPolicy(attempts=10_000, delay=0.001, max_delay=0.001)
    job = executor.map(fail, [0.02] * 5, retries=policy, energy_budget=each * 20)
    outcomes = await asyncio.wait_for(job.results(return_exceptions=True), 30)
    assert {type(outcome) for outcome in outcomes} <= {ConnectionError, EnergyBudgetExceeded}
    assert job.stopped is not None


async def test_a_job_that_has_all_sent_is_not_stopped(executor):
    job = executor.map(spin, [0.1, 0.1], energy_budget=1e-6)
    assert len(await job) == 2
    assert job.stopped is None
    assert job.energy.joules > 1e-6


async def test_a_large_budget_changes_nothing(executor):
    job = executor.map(pause, [0.01] * 20, energy_budget="1 kWh")
    assert len(await job) == 20
    assert job.stopped is None


async def test_the_budget_of_an_executor_is_that_of_all_its_jobs():
    async with gl.AsyncExecutor(max_workers=2) as executor:
        each = await cost_of_one(executor)
    async with gl.AsyncExecutor(max_workers=2, energy_budget=each * 30) as executor:
        jobs = [executor.map(spin, [0.02] * 500) for _ in range(2)]
        for job in jobs:
            with pytest.raises(EnergyBudgetExceeded):
                await job
        await asyncio.gather(*(job.wait() for job in jobs))
        assert all(job.stopped for job in jobs)
        with pytest.raises(EnergyBudgetExceeded):
            executor.map(spin, [0.02])
        with pytest.raises(EnergyBudgetExceeded):
            executor.submit(spin, 0.02)


def test_the_synchronous_face_has_budgets_too():
    with gl.FunctionExecutor(energy_budget="1 mJ", max_workers=1) as executor:
        futures = executor.map(spin, [0.02] * 300)
        with pytest.raises(EnergyBudgetExceeded):
            executor.get_result(futures)


async def test_without_figures_there_is_no_budget():
    with pytest.raises(UsageError, match="leave out energy='off'"):
        async with gl.AsyncExecutor(energy="off", energy_budget=5):
            pass
    async with gl.AsyncExecutor(energy="off", max_workers=1) as executor:
        with pytest.raises(UsageError, match="leave out energy='off'"):
            executor.map(spin, [0.01], energy_budget=5)
        assert await executor.map(pause, [0.0]) == [None]


@pytest.mark.parametrize(
    ("text", "value"),
    [("500 J", 500), ("1.5kJ", 1500), ("2 Wh", 7200), ("1e-3 kWh", 3600), ("20mj", 0.02), (7, 7.0)],
)
def test_amounts_of_energy(text, value):
    assert joules(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["much", "5 apples", "-3 J", 0, True, float("nan"), "1e999 J"])
def test_what_is_no_energy_is_refused(text):
    with pytest.raises(UsageError, match="is not an energy"):
        joules(text)


# Logs.


def sometimes(seconds):
    spin(seconds)
    if seconds > 0.03:
        raise ValueError(seconds)


async def test_executors_log_what_their_calls_cost(tmp_path):
    path = tmp_path / "energy.jsonl"
    async with gl.AsyncExecutor(max_workers=2, energy_log=path) as executor:
        job = executor.map(sometimes, [0.02, 0.04, 0.02])
        await job.wait()
        await executor.submit(spin, 0.01)
    lines = list(EnergyLog(path).read())
    calls = [line for line in lines if line.what == "call" and line.job == job.id]
    (whole,) = [line for line in lines if line.what == "job" and line.job == job.id]
    assert [line.index for line in calls] == [0, 1, 2]
    assert [line.ok for line in calls] == [True, False, True]
    assert [line.joules for line in calls] == [future.energy.joules for future in job.futures]
    assert calls[0].worker == job[0].stats.worker
    assert calls[0].start == pytest.approx(job[0].stats.start)
    assert (whole.calls, whole.ok, whole.name) == (3, False, "sometimes")
    assert whole.joules == pytest.approx(sum(line.joules for line in calls))
    assert {line.name for line in lines} == {"sometimes", "spin"}


def test_the_synchronous_face_logs_too(tmp_path):
    path = tmp_path / "energy.jsonl"
    with gl.FunctionExecutor(max_workers=1, energy_log=str(path)) as executor:
        executor.get_result(executor.map(spin, [0.01] * 3))
    calls = [line for line in EnergyLog(path).read() if line.what == "call"]
    assert [line.name for line in calls] == ["spin"] * 3


async def test_cancelled_jobs_are_logged(tmp_path):
    path = tmp_path / "energy.jsonl"

    async def left_by_an_error():
        async with gl.AsyncExecutor(max_workers=1, energy_log=path) as executor:
            await executor.map(spin, [0.02, 30.0])[0]
            raise KeyError

    with pytest.raises(KeyError):
        await left_by_an_error()
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    assert lines[0]["index"] == 0
    assert lines[-1]["what"] == "job"


async def test_a_log_that_cannot_be_written_harms_no_job(tmp_path, caplog):
    path = tmp_path / "no" / "energy.jsonl"
    async with gl.AsyncExecutor(max_workers=1, energy_log=path) as executor:
        assert await executor.map(pause, [0.0] * 3) == [None] * 3
    assert "could not be logged" in caplog.text
