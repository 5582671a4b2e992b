"""Idle power is learnt from how power follows load, and not guessed before."""

import pytest

from greenlithops.energy.idle import IdleFit

SPAN = 100_000_000


def see(fit, spans):
    """Show it the samples at the ends of spans: nanoseconds, joules by domain, busy nanoseconds."""
    now, joules, busy = 0, None, 0
    for span, burned, used in spans:
        if joules is None:
            joules = (0.0,) * len(burned)
            fit.see(now, joules, busy)
        now, busy = now + span, busy + used
        joules = tuple(a + b for a, b in zip(joules, burned, strict=True))
        fit.see(now, joules, busy)


def feed(fit, loads, idle=20.0, slope=80.0, cpus=4):
    watts = [idle + slope * load for load in loads]
    see(
        fit,
        [
            (SPAN, (w * 0.1, w * 0.01), int(load * SPAN * cpus))
            for w, load in zip(watts, loads, strict=True)
        ],
    )


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
    see(fit, [(1_000_000, (0.0,), 0)] * 99)
    assert fit.watts is None
    # A counter that steps late within a span does not make the span look idle.
    fit = IdleFit(1, 4)
    see(fit, [(1_000_000, (joules,), 4_000_000) for joules in (0.0, 0.0, 6.0) * 100])
    assert fit.watts is None or fit.watts[0] < 1.0


def test_idle_power_is_never_more_than_was_seen_nor_negative():
    fit = IdleFit(1, 1)
    points = ((0.2, 50.0), (0.4, 30.0), (0.6, 40.0), (0.8, 20.0), (1.0, 30.0))
    see(fit, [(SPAN, (watts * 0.1,), int(load * SPAN)) for load, watts in points])
    assert fit.watts is not None
    assert 0 <= fit.watts[0] <= 20.2
    steep = IdleFit(1, 1)
    loads = (0.5, 0.6, 0.9, 1.0)
    see(steep, [(SPAN, ((200 * load - 90) * 0.1,), int(load * SPAN)) for load in loads])
    assert steep.watts == (0.0,)
