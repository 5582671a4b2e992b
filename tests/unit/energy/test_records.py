"""How figures read, and that unknown is None."""

import pickle

from greenlithops.energy.records import CallEnergy, EnergyReport


def test_a_call_reads_as_a_sentence():
    call = CallEnergy(12.34, 4.0, 25.0, "estimated", "model", 2.0, 1.5, gco2e=0.0016)
    assert str(call) == "12.3 J estimated (model), 4\N{EN DASH}25 J, 0.0016 gCO2e"
    assert call.scope == "function"
    assert call.idle_joules is None


def test_a_short_call_says_so():
    call = CallEnergy(0.01, None, 0.02, "measured", "powercap", 0.002, 0.002, aggregate_only=True)
    assert str(call) == "0.01 J measured (powercap), short: only the sum of many means something"


def test_an_unknown_figure_says_why():
    call = CallEnergy(None, None, None, "unavailable", "none", 1.0, 1.0, reason="no meter")
    assert str(call) == "energy unavailable: no meter"


def test_a_report_shows_the_machine():
    report = EnergyReport(
        30.0, 29.0, 31.0, "measured", "powercap", 2.0, 3.0, 1200,
        idle_joules=40.0, other_joules=1930.0, machine_joules=2000.0,
    )  # fmt: skip
    assert str(report) == (
        "1,200 calls: 30 J measured (powercap), 29\N{EN DASH}31 J; "
        "machine 2,000 J in 2 s, idle 40 J"
    )
    assert pickle.loads(pickle.dumps(report)) == report
