"""The ledger keeps the books of any sequence of events, as a naive list of records would."""

import time
from array import array

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from greenlithops.dispatch.ledger import (
    CANCELLED,
    DONE,
    FAILED,
    SENT,
    WAITING,
    Ledger,
)
from greenlithops.worker.journal import FIELDS

MS = 1_000_000


def times(number):
    """Figures of a call that differ from those of every other call."""
    spans = [number * MS, MS + number, 100 + number, number % 7, 10 + number]
    return array("q", [*spans, *(number << shift for shift in (10, 9, 8, 11, 7))])


class Books(RuleBasedStateMachine):
    """A ledger beside a list of dictionaries."""

    def __init__(self):
        super().__init__()
        self.ledger = Ledger()
        self.calls = []
        self.order = []

    def of(self, *states):
        return [
            index
            for index, call in enumerate(self.calls)
            if call["state"] in states and index >= self.ledger.base
        ]

    @rule(sizes=st.lists(st.integers(0, 1000), min_size=1, max_size=6))
    def open(self, sizes):
        first = len(self.calls)
        assert self.ledger.open(sizes) == range(first, first + len(sizes))
        self.calls += [
            {"state": SENT, "in": size, "out": 0, "value": None, "worker": None} for size in sizes
        ]

    @precondition(lambda self: self.of(SENT))
    @rule(data=st.data())
    def close(self, data):
        index = data.draw(st.sampled_from(self.of(SENT, WAITING)))
        state = data.draw(st.sampled_from([DONE, FAILED]))
        worker = data.draw(st.sampled_from(["one", "two"]))
        number = self.ledger.worker_number(worker)
        self.ledger.close(index, state, f"value {index}", times(index), 7, number)
        self.calls[index] |= {"state": state, "value": f"value {index}", "out": 7, "worker": worker}
        self.order.append(index)

    @precondition(lambda self: self.of(SENT))
    @rule(data=st.data())
    def close_without_outcome(self, data):
        index = data.draw(st.sampled_from(self.of(SENT, WAITING)))
        self.ledger.close(index, CANCELLED, None, None, 0, -1)
        self.calls[index]["state"] = CANCELLED
        self.order.append(index)

    @precondition(lambda self: self.of(SENT))
    @rule(data=st.data())
    def close_run(self, data):
        """Neighbours that came together, all of which were sent."""
        first = data.draw(st.sampled_from(self.of(SENT)))
        stop = first + 1
        while stop < len(self.calls) and self.calls[stop]["state"] == SENT:
            stop += 1
        stop = data.draw(st.integers(first + 1, stop))
        figures = array("q")
        for index in range(first, stop):
            figures += times(index)
            self.calls[index] |= {"state": DONE, "value": index, "out": 3, "worker": "one"}
            self.order.append(index)
        number = self.ledger.worker_number("one")
        count = stop - first
        self.ledger.close_run(first, list(range(first, stop)), figures, [3] * count, number)

    @precondition(lambda self: self.of(SENT))
    @rule(data=st.data())
    def move(self, data):
        index = data.draw(st.sampled_from(self.of(SENT)))
        self.ledger.move(index, WAITING)
        self.calls[index]["state"] = WAITING

    @precondition(lambda self: self.of(WAITING))
    @rule(data=st.data())
    def move_back(self, data):
        index = data.draw(st.sampled_from(self.of(WAITING)))
        self.ledger.move(index, SENT)
        self.calls[index]["state"] = SENT

    @rule()
    def forget(self):
        count, base = 0, self.ledger.base
        while base + count < len(self.calls) and self.calls[base + count]["state"] in (
            DONE,
            FAILED,
            CANCELLED,
        ):
            count += 1
        expected = sum(call["out"] for call in self.calls[base : base + count])
        assert self.ledger.forget(count) == expected

    @invariant()
    def states_and_values_agree(self):
        ledger = self.ledger
        assert ledger.size == len(self.calls)
        for index in range(ledger.base, ledger.size):
            call = self.calls[index]
            assert ledger.state(index) == call["state"]
            assert ledger.value(index) == call["value"]
            stats = ledger.stats(index)
            if call["worker"] is None:
                assert stats is None
            else:
                assert stats.worker == call["worker"]
                assert (stats.bytes_in, stats.bytes_out) == (call["in"], call["out"])
                assert stats.peak_memory_bytes == ((index << 10) or None)
                assert round(stats.wall_seconds * 1e9) == MS + index
        for index in range(ledger.base):
            assert ledger.state(index) == DONE
            assert ledger.stats(index) is None
        assert ledger.state(ledger.size) == WAITING
        assert ledger.values() == [call["value"] for call in self.calls[ledger.base :]]

    @invariant()
    def sums_agree(self):
        ran = [(i, call) for i, call in enumerate(self.calls) if call["worker"]]
        total = self.ledger.job_stats()
        assert round(total.call_seconds * 1e9) == sum(MS + i for i, _ in ran)
        assert round(total.cpu_seconds * 1e9) == sum(100 + i for i, _ in ran)
        assert total.bytes_in == sum(call["in"] for _, call in ran)
        assert total.bytes_out == sum(call["out"] for _, call in ran)
        assert total.peak_memory_bytes == max([i << 10 for i, _ in ran], default=0)
        states = [call["state"] for call in self.calls]
        assert self.ledger.counts == [states.count(state) for state in range(5)]
        assert total.failed == states.count(FAILED)

    @invariant()
    def order_agrees(self):
        kept = [index for index in self.order if index >= self.ledger.base]
        assert [i for i in self.ledger.order if i >= self.ledger.base] == kept


TestBooks = Books.TestCase
TestBooks.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


def test_an_empty_ledger_has_zeroes():
    stats = Ledger().job_stats()
    assert (stats.calls, stats.wall_seconds, stats.parallelism) == (0, 0.0, 0.0)
    assert Ledger().progress(0).fraction == 1.0
    assert Ledger().progress(None).fraction is None
    assert Ledger().progress(5).waiting == 5


def test_moments_are_of_the_epoch():
    ledger = Ledger()
    ledger.open([0])
    now = time.monotonic_ns()
    figures = array("q", [now, 2_000_000_000, 5, 2, 3, 4, 3, 2, 0, 0])
    ledger.close(0, DONE, None, figures, 0, ledger.worker_number("w"))
    stats = ledger.stats(0)
    assert abs(stats.start - time.time()) < 1
    assert stats.end - stats.start == 2.0 or abs(stats.end - stats.start - 2.0) < 1e-6
    assert len(figures) == FIELDS
    assert (stats.peak_memory_bytes, stats.peak_memory_bytes_before) == (4, 3)
    assert (stats.resident_bytes, stats.virtual_bytes, stats.unshared_bytes) == (2, None, None)
    assert stats.cpu_user_seconds + stats.cpu_system_seconds == stats.cpu_seconds
