"""The machine's power over time: what is kept of it is bounded, and adds up."""

import pytest

from greenlithops.energy import trace
from greenlithops.energy.meters import SYSFS
from greenlithops.energy.sharing import shared_sampler
from greenlithops.energy.trace import PowerSample, PowerTrace, joined, power_samples
from greenlithops.errors import UsageError


def sample(start, seconds, watts, idle=None):
    domains = {"package": watts - 1, "dram": 1.0}
    return PowerSample(start, seconds, watts, idle, watts / 10, "measured", "powercap", domains)


def test_two_stretches_have_the_energy_of_both():
    both = joined(sample(10.0, 1.0, 5.0, 2.0), sample(11.0, 3.0, 9.0, 4.0))
    assert (both.start, both.seconds, both.watts) == (10.0, 4.0, pytest.approx(8.0))
    assert (both.idle_watts, both.busy_cpus) == (pytest.approx(3.5), pytest.approx(0.8))
    assert both.domains == {"package": pytest.approx(7.0), "dram": pytest.approx(1.0)}
    assert joined(sample(10.0, 1.0, 5.0, 2.0), sample(11.0, 1.0, 5.0)).idle_watts is None


async def test_a_long_trace_costs_resolution_and_not_memory(monkeypatch, tmp_path):
    monkeypatch.setattr(trace, "MOST_SAMPLES", 100)
    monkeypatch.setenv(SYSFS, str(tmp_path))
    kept = PowerTrace(0.01, "model")

    async def given(_sampler, _interval):
        for place in range(10_000):
            yield sample(float(place), 1.0, 5.0)

    monkeypatch.setattr(trace, "power_samples", given)
    await kept._keep(None)
    assert len(kept.samples) <= 101
    assert sum(one.seconds for one in kept.samples) == 10_000
    assert [one.start for one in kept.samples] == sorted(one.start for one in kept.samples)
    assert kept.samples[-1].seconds == 1.0


@pytest.mark.parametrize("interval", [0, -1.0, float("nan")])
async def test_an_interval_that_is_none_is_refused(interval):
    async with shared_sampler("model") as sampler:
        with pytest.raises(UsageError, match="must be more than 0 s"):
            await anext(power_samples(sampler, interval))
