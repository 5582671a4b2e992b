"""The keys of energy in `future.stats`: there, and with the meaning that they promise."""

import pytest
from test_stats_of_calls import pause, spin

import greenlithops as gl
from greenlithops.energy.records import CallEnergy
from greenlithops.sync.loop import background

background().call(lambda: None)  # belongs to the process, not to the test that comes first

KEYS = {
    "worker_func_energy_pkg",
    "worker_func_energy_cores",
    "worker_func_energy_duration",
    "worker_func_energy_method_used",
    "worker_func_energy_source",
}
#: what the fork wrote, too, and what means nothing
NONSENSE = {"worker_func_energy_consumption", "worker_func_uss_55", "ebpf_energy_from_cycles"}


def test_the_synchronous_face_has_them():
    with gl.FunctionExecutor(max_workers=2) as executor:
        busy = executor.map(spin, [0.05] * 4)
        executor.get_result(busy)
        idle = executor.map(pause, [0.05] * 2)
        executor.get_result(idle)
    for future in (*busy, *idle):
        assert future.stats.keys() >= KEYS
        assert not {key for key in future.stats if key in NONSENSE or key.endswith("_total")}
        stats = future.stats
        assert stats["worker_func_energy_duration"] == future.energy.window_s
        assert stats["worker_func_energy_source"] in {"measured", "estimated"}
        assert stats["worker_func_energy_method_used"] == future.energy.method
    # Of the call itself: neither the monitor's time nor the machine's. What a worker gets first, it
    # has to load.
    beyond = [
        stats["worker_func_energy_duration"] - stats["worker_func_exec_time"]
        for stats in (future.stats for future in (*busy, *idle))
    ]
    assert -1e-6 < min(beyond) < 0.02
    joules = [future.stats["worker_func_energy_pkg"] for future in busy]
    assert all(value > 0 for value in joules)
    # Calls that ran side by side do not each get the whole machine: their sum is the job's.
    assert sum(joules) == pytest.approx(sum(future.energy.joules for future in busy), rel=1e-6)
    assert sum(f.stats["worker_func_energy_pkg"] for f in idle) < sum(joules) / 3


async def test_the_asynchronous_face_has_them(executor):
    job = executor.map(spin, [0.03] * 2)
    await job
    for future in job.futures:
        stats = future.energy.as_stats()
        assert stats.keys() == KEYS
        assert stats["worker_func_energy_pkg"] > 0


def test_switched_off_there_are_none():
    with gl.FunctionExecutor(max_workers=1, energy="off") as executor:
        future = executor.call_async(pause, 0.0)
        executor.get_result(future)
    assert not KEYS & future.stats.keys()


def energy(**fields):
    values = {"joules": 5.0, "joules_low": 4.0, "joules_high": 6.0, "kind": "measured"}
    return CallEnergy(**(values | {"method": "powercap", "window_s": 0.5, "cpu_s": 0.4} | fields))


def test_the_package_is_the_package():
    domains = {"package": 4.0, "dram": 1.0, "core": 3.0}
    stats = energy(domains=domains).as_stats()
    assert (stats["worker_func_energy_pkg"], stats["worker_func_energy_cores"]) == (4.0, 3.0)
    # A meter of the whole board knows nothing of its package.
    stats = energy(domains={"psys": 5.0}).as_stats()
    assert (stats["worker_func_energy_pkg"], stats["worker_func_energy_cores"]) == (None, None)
    stats = energy(domains={"machine": 5.0}, kind="estimated", method="model").as_stats()
    assert (stats["worker_func_energy_pkg"], stats["worker_func_energy_source"]) == (
        5.0,
        "estimated",
    )


def test_unknown_is_none():
    stats = energy(
        joules=None, joules_low=None, joules_high=None, kind="unavailable", method="none"
    ).as_stats()
    assert stats["worker_func_energy_pkg"] is None
    assert stats["worker_func_energy_cores"] is None
    assert stats["worker_func_energy_source"] == "unavailable"
