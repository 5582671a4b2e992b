"""Attribution: nothing is lost, nothing is given twice, and splitting changes nothing."""

import math
from array import array

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlithops.energy.attribution import Interval, attribute

SECOND = 1_000_000_000


def second(start, joules=100.0, idle=20.0, busy=2.0):
    """One second of a machine with two domains, the second of which has a tenth of the energy."""
    return Interval(
        start * SECOND,
        (start + 1) * SECOND,
        (joules, joules / 10),
        int(busy * SECOND),
        (idle, idle / 10),
    )


def columns(*calls):
    """Return starts, ends and CPU times of calls that are given in seconds."""
    return tuple(array("q", [round(call[i] * SECOND) for call in calls]) for i in range(3))


def test_a_call_gets_its_cpu_times_share_of_what_is_above_idle():
    result = attribute([second(0)], *columns((0.2, 0.7, 0.5)))
    package, dram = result.joules
    assert package[0] == pytest.approx(80 * 0.5 / 2.0)
    assert dram[0] == pytest.approx(8 * 0.5 / 2.0)


def test_a_calls_cpu_time_is_spread_evenly_where_the_machine_is_evenly_busy():
    intervals = [second(0), second(1, joules=220.0), second(2, joules=20.0)]
    # 0.5 s, 1 s and 0.5 s in the three intervals, at 1 CPU.
    package = attribute(intervals, *columns((0.5, 2.5, 2.0))).joules[0]
    assert package[0] == pytest.approx(80 * 0.5 / 2 + 200 * 1.0 / 2 + 0)


def test_a_call_did_not_run_where_the_machine_was_idle():
    intervals = [second(0, joules=20.0, busy=0), second(1)]
    package = attribute(intervals, *columns((0, 2, 1.0))).joules[0]
    assert package[0] == pytest.approx(80 * 1.0 / 2, rel=0.01)


def test_calls_that_end_later_ran_when_those_that_ended_earlier_did_not():
    # Two calls of 1 s on one CPU: the first had the first second, and most of that they shared.
    intervals = [second(0, busy=1), second(1, busy=1)]
    first = attribute(intervals[:1], *columns((0, 1, 0.9)))
    claim = first.claims[0]
    intervals[0].claimed_ns, intervals[0].given = claim.cpu_ns, claim.joules
    later = attribute(intervals, *columns((0, 2, 1.1)))
    assert later.joules[0][0] == pytest.approx(80 * 1.1, rel=0.01)
    assert [claim.cpu_ns for claim in later.claims] == pytest.approx([1e8, 1e9], rel=0.01)


def test_calls_that_used_more_than_the_machine_is_said_to_share_what_there_is():
    result = attribute([second(0, busy=0.5)], *columns((0, 1, 1.5), (0, 1, 0.5)))
    assert list(result.joules[0]) == pytest.approx([60.0, 20.0])


def test_a_late_batch_gets_at_most_what_is_left():
    interval = second(0, busy=0.5)
    first = attribute([interval], *columns((0, 1, 0.5)))
    assert first.joules[0][0] == pytest.approx(80)
    claim = first.claims[0]
    interval.claimed_ns, interval.given = claim.cpu_ns, claim.joules
    assert attribute([interval], *columns((0, 1, 0.5))).joules[0][0] == pytest.approx(0)


def test_calls_without_duration_and_without_cpu_time():
    package = attribute([second(0), second(1)], *columns((1, 1, 0.1), (0.5, 0.5, 0), (2, 2, 0.1)))
    assert list(package.joules[0]) == pytest.approx([80 * 0.1 / 2, 0, 80 * 0.1 / 2])


def test_what_no_interval_covers_is_unknown_or_partial():
    calls = columns((0, 0.5, 0.5), (2.5, 3, 0.5), (0.5, 1.5, 1.0), (1.9, 2.9, 1.0), (0.2, 0.2, 0.1))
    package = attribute([second(1)], *calls).joules[0]
    assert math.isnan(package[0])
    assert math.isnan(package[1])
    assert package[2] == pytest.approx(80 * 0.5 / 2)
    assert package[3] == pytest.approx(80 * 0.1 / 2)
    assert math.isnan(package[4])


def test_without_intervals_all_is_unknown():
    assert all(map(math.isnan, attribute([], *columns((0, 1, 1), (1, 2, 1))).joules[0]))


def test_unknown_idle_is_divided_with_the_rest():
    interval = second(0)
    interval.idle = None
    assert attribute([interval], *columns((0, 1, 1.0))).joules[0][0] == pytest.approx(50)


ENERGY = st.floats(0, 1e4)
spans = st.integers(1, 10**10)


@st.composite
def timelines(draw):
    intervals, at = [], draw(st.integers(0, 10**12))
    for _ in range(draw(st.integers(1, 12))):
        length, joules, fraction = draw(spans), draw(ENERGY), draw(st.floats(0, 1))
        busy = draw(st.integers(0, 4 * length))
        row = (joules, joules / 3)
        idle = draw(st.sampled_from([None, tuple(value * fraction for value in row)]))
        intervals.append(Interval(at, at + length, row, busy, idle))
        at += length
    return intervals


@st.composite
def machines(draw):
    intervals = draw(timelines())
    low, high = intervals[0].start_ns, intervals[-1].end_ns
    edges = st.one_of(
        st.integers(low - 10**9, high + 10**9),
        st.sampled_from([interval.start_ns for interval in intervals] + [high]),
    )
    calls = []
    for _ in range(draw(st.integers(0, 25))):
        start, end = sorted((draw(edges), draw(edges)))
        calls.append((start, end, draw(st.integers(0, 4 * (end - start) + 10))))
    return intervals, calls


def as_arrays(calls):
    return tuple(array("q", [call[i] for call in calls]) for i in range(3))


def in_batches(intervals, calls, size):
    """Attribute batch by batch as a window does; return the joules by domain and call."""
    joules = ([], [])
    for at in range(0, len(calls), size):
        result = attribute(intervals, *as_arrays(calls[at : at + size]))
        for mine, column in zip(joules, result.joules, strict=True):
            mine.extend(column)
        for interval, claim in zip(intervals, result.claims, strict=True):
            interval.claimed_ns += claim.cpu_ns
            interval.given = tuple(
                a + b for a, b in zip(interval.given or (0.0, 0.0), claim.joules, strict=True)
            )
    return joules


def known(values):
    return [value for value in values if not math.isnan(value)]


@settings(max_examples=300, deadline=None)
@given(machines(), st.integers(1, 30))
def test_calls_idle_and_other_are_the_machine(machine, size):
    intervals, calls = machine
    joules = in_batches(intervals, calls, size)
    for domain in range(2):
        total = sum(interval.joules[domain] for interval in intervals)
        idle = sum(interval.idle[domain] if interval.idle else 0.0 for interval in intervals)
        given_away = sum(interval.given[domain] if interval.given else 0 for interval in intervals)
        tolerance = 1e-9 * (1 + total)
        # What the calls got is what the intervals gave, and no interval gives more than it has.
        assert sum(known(joules[domain])) == pytest.approx(given_away, rel=1e-6, abs=tolerance)
        assert all(value >= 0 for value in known(joules[domain]))
        other = total - idle - given_away
        assert other >= -tolerance
        for interval in intervals:
            above = interval.joules[domain] - (interval.idle[domain] if interval.idle else 0.0)
            assert (interval.given or (0.0, 0.0))[domain] <= above * (1 + 1e-9) + 1e-12


@settings(max_examples=200, deadline=None)
@given(machines(), st.data())
def test_splitting_intervals_changes_nothing(machine, data):
    intervals, calls = machine
    calls = [call for call in calls if call[1] > call[0]]
    pieces = []
    for interval in intervals:
        # Any split of an interval whose power and load are even within it.
        cut = data.draw(st.integers(interval.start_ns, interval.end_ns))
        length = interval.end_ns - interval.start_ns
        for start, end in ((interval.start_ns, cut), (cut, interval.end_ns)):
            if end > start:
                part = (end - start) / length
                pieces.append(
                    Interval(
                        start,
                        end,
                        tuple(value * part for value in interval.joules),
                        interval.busy_ns * part,
                        interval.idle and tuple(value * part for value in interval.idle),
                    )
                )
    # With plenty of machine time, prices do not depend on which calls share a piece.
    for interval in [*intervals, *pieces]:
        interval.busy_ns += 1000 * (interval.end_ns - interval.start_ns)
    whole = attribute(intervals, *as_arrays(calls)).joules[0]
    split = attribute(pieces, *as_arrays(calls)).joules[0]
    assert list(map(math.isnan, whole)) == list(map(math.isnan, split))
    assert known(split) == pytest.approx(known(whole), rel=1e-6, abs=1e-9)


@settings(max_examples=200, deadline=None)
@given(machines(), st.data())
def test_splitting_calls_changes_nothing(machine, data):
    intervals, calls = machine
    for interval in intervals:
        # As busy as the calls are: where it is not, a call that is split tells more.
        interval.busy_ns = 1000 * (interval.end_ns - interval.start_ns)
    calls = [(s, e, 1000 * (e - s)) for s, e, _ in calls if e > s]
    parts = []
    for start, end, _ in calls:
        cut = data.draw(st.integers(start, end))
        parts += [(s, e, 1000 * (e - s)) for s, e in ((start, cut), (cut, end)) if e > s]
    whole = known(attribute(intervals, *as_arrays(calls)).joules[0])
    split = known(attribute(intervals, *as_arrays(parts)).joules[0])
    assert sum(split) == pytest.approx(sum(whole), rel=1e-6, abs=1e-9)
