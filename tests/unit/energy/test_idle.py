"""Idle power is learnt from how power follows load, and not guessed before."""

import pytest

from greenlithops.energy.idle import IdleFit

SPAN = 100_000_000


def feed(fit, loads, idle=20.0, slope=80.0, cpus=4):
    for load in loads:
        watts = idle + slope * load
        fit.add(SPAN, (watts * 0.1, watts * 0.01), int(load * SPAN * cpus))


def test_a_line_through_varied_loads():
    fit = IdleFit(2, 4)
    feed(fit, [0.1, 0.9, 0.5, 1.0, 0.3])
    assert fit.watts == pytest.approx((20.0, 2.0))


def test_an_idle_machine_burns_its_idle_power():
    fit = IdleFit(2, 4)
    feed(fit, [0.01, 0.0, 0.01])
    assert fit.watts == pytest.approx((20.0, 2.0), rel=0.05)


@pytest.mark.parametrize("loads", [[], [0.0], [1.0] * 50, [0.5, 0.51] * 20, [0.0, 1.0]])
def test_no_answer_before_the_load_has_varied(loads):
    fit = IdleFit(2, 4)
    feed(fit, loads)
    assert fit.watts is None


def test_short_spans_are_put_together():
    fit = IdleFit(1, 4)
    for _ in range(99):
        fit.add(1_000_000, (0.0,), 0)
    assert fit.watts is None
    # A counter that steps late within a span does not make the span look idle.
    for joules in (0.0, 0.0, 6.0) * 100:
        fit.add(1_000_000, (joules,), 4_000_000)
    assert fit.watts is None or fit.watts[0] < 1.0


def test_idle_power_is_never_more_than_was_seen_nor_negative():
    fit = IdleFit(1, 1)
    for load, watts in ((0.2, 50.0), (0.4, 30.0), (0.6, 40.0), (0.8, 20.0), (1.0, 30.0)):
        fit.add(SPAN, (watts * 0.1,), int(load * SPAN))
    assert fit.watts is not None
    assert 0 <= fit.watts[0] <= 20.2
    steep = IdleFit(1, 1)
    for load in (0.5, 0.6, 0.9, 1.0):
        steep.add(SPAN, ((200 * load - 90) * 0.1,), int(load * SPAN))
    assert steep.watts == (0.0,)
