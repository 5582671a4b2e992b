"""Trials on this machine, and advice from them."""

import pytest

import greenlithops as gl
from greenlithops.energy.adviser import advise
from greenlithops.energy.plans import Plan
from greenlithops.errors import NotEnoughEvidence, UsageError
from greenlithops.trials import Chunked, chunks, run_trials


def burn(number):
    total = 0
    for i in range(20_000):
        total += i * number
    return total


def test_chunks_and_their_calls():
    assert chunks([1, 2, 3, 4, 5], 2) == [[1, 2], [3, 4], [5]]
    both = Chunked(lambda a, b=1: (a, b))
    assert both([(1, 2), {"a": 3}, 4]) == [(1, 2), (3, 1), (4, 1)]


async def test_trials_lead_to_advice():
    plans = [Plan(w, c) for w in (1, 2) for c in (1, 10, 50)]
    trials = await run_trials(burn, range(60), plans)
    assert [trial.plan for trial in trials] == plans
    assert all(trial.seconds > 0 and trial.joules > 0 and trial.items == 60 for trial in trials)
    advice = advise(trials)
    assert set(advice.errors) == {"seconds", "joules"}
    assert {p.plan.workers for p in advice.predictions} == {1, 2}
    # How well it predicts depends on what else the machine does: here, any error may be.
    assert advice.pick("energy", max_error=100.0) in advice.predictions
    with pytest.raises(NotEnoughEvidence, match="joules cannot be predicted"):
        advice.pick("energy", max_error=-1.0)


async def test_trials_have_a_price_when_they_are_told_one():
    def price(plan, durations):
        used = gl.energy.usage("lambda-x86", durations, memory_mb=plan.memory_mb)
        return gl.energy.price("lambda-x86", used, free_tier=False)

    (trial,) = await run_trials(burn, range(10), [Plan(1, 5, 1024)], price=price)
    assert 0 < trial.cost < 1


async def test_nothing_to_try_is_refused():
    with pytest.raises(UsageError, match="at least one plan"):
        await run_trials(burn, range(10), [])
