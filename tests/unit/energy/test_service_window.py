"""Calls of services: measured where a meter was read, else by what is known of the machines."""

from array import array

import pytest

from greenlithops.energy.meters.coefficients import AVERAGES
from greenlithops.energy.meters.machine_types import machine_watts
from greenlithops.energy.service import ServiceWindow
from greenlithops.models import CallJoules, ServiceSize, Told

SECOND = 1_000_000_000
SIZE = ServiceSize(memory_mb=512, vcpus=0.5, provider="other")


def add(window, calls, told=None, cpu=1.0):
    starts = array("q", [SECOND * n for n in range(calls)])
    ends = array("q", [start + 2 * SECOND for start in starts])
    window.add(starts, ends, array("q", [round(cpu * SECOND)] * calls), told)


def test_without_a_word_the_providers_average_is_taken():
    window = ServiceWindow(SIZE)
    add(window, 2)
    watts, record = AVERAGES["cloud average"], window.call(0)
    assert (record.kind, record.method) == ("estimated", "serverless")
    assert record.joules == pytest.approx(watts.full - watts.idle)
    assert record.idle_joules == pytest.approx(watts.idle * 0.5 * 2)
    assert window.report().joules == pytest.approx(2 * record.joules)
    assert window.calls([0, 1]).joules == pytest.approx(2 * record.joules)


def test_a_machines_type_says_which_processor_it_is():
    window = ServiceWindow(SIZE)
    add(window, 1, Told("m6i.large"))
    add(window, 1, Told("nobody-knows.it"))
    watts = machine_watts("m6i.large")
    assert window.call(0).joules == pytest.approx(watts.full - watts.idle)
    assert "m6i.large (Ice Lake)" in window.call(0).reason
    assert "cloud average" in window.call(1).reason
    assert "Ice Lake" in window.report().reason
    assert "cloud average" in window.report().reason


def measured(*joules):
    calls = [
        None if one is None else CallJoules(one, one / 2, one * 2, 0.5, {"package": one})
        for one in joules
    ]
    return Told("m6i.large", "node:powercap", "a note", calls)


def test_what_was_measured_counts():
    window = ServiceWindow(SIZE)
    job = window.within()
    add(job, 2, measured(3.0, 5.0))
    for one in (window, job):
        report = one.report()
        assert (report.kind, report.method, report.joules) == ("measured", "node:powercap", 8.0)
        assert (report.joules_low, report.joules_high) == (4.0, 16.0)
        assert report.domains == {"package": 8.0}
        assert report.idle_joules is None
        assert (report.coverage, report.reason, report.calls) == (0.5, "a note", 2)
        assert one.call(1).joules == 5.0
        assert one.call(1).gco2e > 0


def test_a_sum_of_both_is_an_estimate_and_says_how_many_were_measured():
    window = ServiceWindow(SIZE)
    add(window, 3, measured(3.0, None, 5.0))
    watts, report = machine_watts("m6i.large"), window.report()
    assert (report.kind, report.method) == ("estimated", "node:powercap+serverless")
    assert report.joules == pytest.approx(8.0 + watts.full - watts.idle)
    assert "2 of 3 were measured" in report.reason
    assert [window.call(n).kind for n in range(3)] == ["measured", "estimated", "measured"]


def test_nothing_has_run():
    report = ServiceWindow(SIZE).report()
    assert (report.joules, report.calls, report.kind) == (0, 0, "estimated")


@pytest.mark.parametrize(
    ("name", "processors"),
    [
        ("m5.large", "Skylake or Cascade Lake"),
        ("c7g.16xlarge", "Graviton"),
        ("m7i-flex.large", "Sapphire Rapids"),
        ("r6a.metal", "EPYC 3rd Gen"),
        ("Standard_D4s_v5", "Ice Lake or Sapphire Rapids or Emerald Rapids"),
        ("Standard_E8as_v5", "EPYC 3rd Gen or EPYC 4th Gen"),
        ("Standard_D2ds_v7", "Granite Rapids"),
        ("Standard_B2ts_v2", "Ice Lake or Sapphire Rapids"),
        ("n2-standard-4", "Cascade Lake or Ice Lake"),
        ("c3-standard-22-lssd", "Sapphire Rapids"),
    ],
)
def test_a_machine_types_processors(name, processors):
    found = machine_watts(name)
    assert found.name == f"{name} ({processors})"
    assert 0 < found.idle < found.full
    assert 0 < found.low < 1 < found.high


@pytest.mark.parametrize(
    "name", [None, "", "k3s", "m99.large", "Standard_Z1", "Standard_D4ps_v5", "z9-standard-4"]
)
def test_an_unknown_machine_type_has_no_watts(name):
    assert machine_watts(name) is None


def test_several_processors_have_the_bounds_of_all():
    both, first = machine_watts("n1-standard-1"), machine_watts("c4.large")
    assert both.low * (both.full - both.idle) <= 0.5 * (first.full - first.idle)
    assert both.high * (both.full - both.idle) >= 1.5 * (first.full - first.idle)
