"""Inputs give their elements once, know their end, and close what they were made of."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.dispatch.inputs import AHEAD, as_input, pump
from greenlithops.errors import UsageError


def drain(source, limit=10_000):
    found = []
    while source.look() and source.ready and len(found) < limit:
        found.append(source.next())
    return found


@given(st.lists(st.integers()), st.sampled_from([list, tuple, iter, set, lambda x: (n for n in x)]))
def test_every_element_once_and_in_order(elements, make):
    source = as_input(make(elements))
    expected = list(make(elements))
    assert drain(source) == expected
    assert source.ended
    assert source.error is None
    with pytest.raises(StopIteration):
        source.next()


@pytest.mark.parametrize(
    ("elements", "lazy", "total"),
    [([1, 2], False, 2), (range(5), False, 5), ({1: 2}.keys(), False, 1), (iter([1]), True, None)],
)
def test_what_has_a_length_is_not_lazy(elements, lazy, total):
    source = as_input(elements)
    assert (source.lazy, source.total) == (lazy, total)


@pytest.mark.parametrize("value", ["a", b"a", {"a": 1}, bytearray(b"a"), memoryview(b"a"), 5, None])
def test_one_value_is_refused_with_advice(value):
    with pytest.raises(UsageError, match="iterable"):
        as_input(value)


def test_an_error_ends_the_input_after_what_came_before():
    def elements():
        yield 1
        yield 2
        raise LookupError("broken")

    source = as_input(elements())
    assert drain(source) == [1, 2]
    assert source.ended
    assert isinstance(source.error, LookupError)


def test_ending_closes_the_generator_once():
    closed = []

    def elements():
        try:
            yield from range(100)
        finally:
            closed.append(True)

    source = as_input(elements())
    assert source.look()
    assert source.next() == 0
    source.end()
    source.end(ValueError("later"))
    assert closed == [True]
    assert not source.ready


async def numbers(count, log):
    try:
        for number in range(count):
            log.append(number)
            yield number
    finally:
        log.append("closed")


async def test_the_pump_stays_so_far_ahead_and_no_further():
    source, log, woken, ended = as_input(numbers(10_000, [])), [], [], []
    task = asyncio.create_task(
        pump(numbers(1000, log), source, lambda: woken.append(1), lambda: ended.append(1))
    )
    await asyncio.sleep(0.01)
    assert len(log) == AHEAD
    assert woken
    taken = [source.next() for _ in range(10)]
    await asyncio.sleep(0.01)
    assert AHEAD < len(log) <= AHEAD + 10
    while not source.ended or source.queue:
        while source.queue:
            taken.append(source.next())
        await asyncio.sleep(0)
    await task
    assert taken == list(range(1000))
    assert log[-1] == "closed"
    assert ended == [1]


async def test_the_pump_ends_when_nothing_more_is_wanted():
    source, log, ended = as_input(numbers(1, [])), [], []
    task = asyncio.create_task(
        pump(numbers(10**9, log), source, lambda: None, lambda: ended.append(1))
    )
    source.closed = task.cancel
    await asyncio.sleep(0.01)
    source.end()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert log[-1] == "closed"
    assert ended == [1]


async def test_the_pump_takes_iterators_that_cannot_be_closed():
    class Bare:
        count = 0

        def __aiter__(self):
            return self

        async def __anext__(self):
            self.count += 1
            if self.count > 3:
                raise StopAsyncIteration
            return self.count

    source = as_input(Bare())
    await pump(Bare(), source, lambda: None, lambda: None)
    assert list(source.queue) == [1, 2, 3]
    assert source.ended


async def test_an_error_of_an_asynchronous_input_is_kept():
    async def broken():
        yield 1
        raise LookupError

    source = as_input(broken())
    await pump(broken(), source, lambda: None, lambda: None)
    assert list(source.queue) == [1]
    assert isinstance(source.error, LookupError)
