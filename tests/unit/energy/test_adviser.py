"""The adviser, against machines whose truth is known: it finds the best plan, or refuses."""

import random

import pytest

from greenlithops.energy.adviser import Prediction, advise
from greenlithops.energy.plans import Plan, Trial
from greenlithops.errors import ConfigurationError, NotEnoughEvidence

N = 1000


def seconds(plan, items=N):
    return (
        0.5
        + 0.02 * items / plan.workers
        + 0.005 * items / plan.chunk / plan.workers
        + (0.12 * plan.workers)
    )


def joules(plan, items=N):
    """A machine of 15 W idle, 0.1 J of work an element and 0.02 J a chunk."""
    return 15 * seconds(plan, items) + 0.1 * items + 0.02 * items / plan.chunk


def trial(plan, noise=0.0, rng=None, items=N):
    factor = (lambda: 1 + rng.gauss(0, noise)) if rng else (lambda: 1.0)
    return Trial(plan, items, seconds(plan, items) * factor(), joules(plan, items) * factor())


PLANS = [Plan(w, c) for w in (1, 2, 4, 8, 16) for c in (1, 3, 10)]


def test_it_finds_the_best_plan_of_a_known_machine():
    advice = advise([trial(plan) for plan in PLANS])
    assert advice.errors["seconds"] < 0.02
    assert advice.errors["joules"] < 0.02
    everything = [Plan(w, c) for w in range(1, 17) for c in range(1, 11)]
    for objective, of in (
        ("time", seconds),
        ("energy", joules),
        ("edp", lambda plan: seconds(plan) * joules(plan)),
    ):
        picked = advice.pick(objective).plan
        best = min(everything, key=of)
        assert of(picked) <= of(best) * 1.02, (objective, picked, best)
    # Workers that were not tried are predicted, too.
    between = next(p for p in advice.predictions if p.plan == Plan(6, 5))
    assert not between.tried
    assert between.seconds == pytest.approx(seconds(Plan(6, 5)), rel=0.05)
    assert between.joules == pytest.approx(joules(Plan(6, 5)), rel=0.05)


def test_the_hold_out_error_is_honest_under_noise():
    for seed in range(5):
        rng = random.Random(seed)
        trials = [trial(plan, 0.05, rng) for plan in PLANS for _ in range(3)]
        advice = advise(trials)
        real = [abs(p.joules - joules(p.plan)) / joules(p.plan) for p in advice.predictions]
        assert sum(real) / len(real) < 3 * advice.errors["joules"] + 0.02
        assert joules(advice.pick("energy").plan) < 1.15 * min(map(joules, PLANS))


def test_the_front_is_the_pareto_front():
    advice = advise([trial(plan) for plan in PLANS])
    front = advice.front
    assert advice.pick("time") in front
    with pytest.raises(ConfigurationError, match="no objective 'speed'; there are energy, edp"):
        advice.pick("speed")
    assert advice.pick("energy") in front
    for p in front:
        assert not any(q.seconds < p.seconds and q.joules < p.joules for q in advice.predictions)
    times = [p.seconds for p in front]
    assert times == sorted(times)
    energies = [p.joules for p in front]
    assert energies == sorted(energies, reverse=True)
    rest = set(advice.predictions) - set(front)
    for q in rest:
        assert any(p.seconds <= q.seconds and p.joules <= q.joules for p in front)


def test_limits_are_kept_with_room_for_the_error():
    advice = advise([trial(plan, 0.02, random.Random(3)) for plan in PLANS])
    fastest = advice.pick("time")
    limit = fastest.seconds * 1.5
    found = advice.pick("energy", max_seconds=limit)
    assert found.seconds * (1 + advice.errors["seconds"]) <= limit
    assert found.joules >= advice.pick("energy").joules
    with pytest.raises(NotEnoughEvidence, match="keeps the limits"):
        advice.pick("energy", max_seconds=fastest.seconds / 2)
    with pytest.raises(NotEnoughEvidence, match="keeps the limits"):
        advice.pick("time", max_joules=1.0)


def test_more_elements_are_predicted_when_trials_differed_in_them():
    trials = [trial(plan, items=n) for plan in PLANS for n in (100, 400)]
    advice = advise(trials, items=2000)
    picked = advice.pick("energy")
    assert picked.joules == pytest.approx(joules(picked.plan, 2000), rel=0.1)
    assert advice.items == 2000


def test_memory_as_cloud_functions_have_it():
    """CPU in proportion to memory, billed by memory and time: more may cost the same."""

    def run(memory):
        plan = Plan(4, 10, memory)
        time = 0.4 + 0.3 * 1000 / 4 * 1024 / memory
        return Trial(plan, 1000, time, 5 * time + 30, 1e-5 * 100 * memory / 1024 + 1e-3 * time)

    advice = advise([run(memory) for memory in (512, 1024, 1769, 2048, 3008)])
    assert advice.errors["seconds"] < 0.05
    assert advice.pick("time").plan.memory_mb == 3008
    assert 512 <= advice.pick("cost").plan.memory_mb <= 3008
    assert advice.pick("energy").plan.memory_mb == 3008


def test_too_few_plans_are_refused():
    with pytest.raises(NotEnoughEvidence, match="trials of 0 plans"):
        advise([])
    with pytest.raises(NotEnoughEvidence, match="trials of 3 plans; at least 4"):
        advise([trial(Plan(w)) for w in (1, 2, 4)] * 10)


def test_advice_is_for_something():
    with pytest.raises(ConfigurationError, match="at least one element, not 0"):
        advise([trial(plan) for plan in PLANS], items=0)


def test_chaos_is_refused():
    rng = random.Random(1)
    trials = [Trial(plan, N, rng.uniform(1, 100), rng.uniform(1, 1000)) for plan in PLANS]
    advice = advise(trials)
    with pytest.raises(NotEnoughEvidence, match=r"joules cannot be predicted.*quiet machine"):
        advice.pick("energy")
    with pytest.raises(NotEnoughEvidence, match="seconds cannot be predicted"):
        advice.pick("time")


def test_energy_that_is_not_known_is_not_invented():
    trials = [Trial(plan, N, seconds(plan)) for plan in PLANS]
    advice = advise(trials)
    assert all(p.joules is None and p.edp is None for p in advice.predictions)
    assert advice.pick("time").plan.workers > 1
    for objective in ("energy", "edp"):
        with pytest.raises(NotEnoughEvidence, match="the trials have no joules"):
            advice.pick(objective)
    with pytest.raises(NotEnoughEvidence, match="the trials have no cost"):
        advice.pick("time", max_cost=1.0)


def test_nothing_is_said_of_what_lies_outside():
    trials = [trial(plan) for plan in PLANS]
    with pytest.raises(NotEnoughEvidence, match="workers of 32 lies outside"):
        advise(trials, candidates=[Plan(32)])
    two = [trial(Plan(w, c)) for w in (1, 2, 4, 8) for c in (1, 10)]
    assert {p.plan.chunk for p in advise(two).predictions} == {1, 10}
    with pytest.raises(NotEnoughEvidence, match="chunk of 5 lies outside"):
        advise(two, candidates=[Plan(2, 5)])
    with pytest.raises(NotEnoughEvidence, match="memory_mb of 512 lies outside"):
        advise(trials, candidates=[Plan(2, 1, 512)])
    advice = advise(trials, candidates=[Plan(3), Plan(5)])
    assert [p.plan for p in advice.predictions] == [Plan(3), Plan(5)]


def test_nonsense_is_refused():
    with pytest.raises(ConfigurationError, match="must be positive"):
        advise([Trial(Plan(1), 10, 0.0)])
    with pytest.raises(ConfigurationError, match="at least one of everything"):
        advise([Trial(Plan(0), 10, 1.0)])


def test_it_says_what_it_is():
    assert str(Prediction(Plan(2, 10, 512), 1.5, 20.0, 0.01, tried=True)) == (
        "2 workers, chunks of 10, 512 MB: 1.5 s, 20 J, $0.01"
    )
