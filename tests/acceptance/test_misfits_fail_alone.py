"""What does not fit or cannot travel is named, fails alone, and everything else goes on."""
# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import functools
import threading
import types

import pytest

import greenlithops as gl
from greenlithops.errors import (
    ArgumentsNotSerializable,
    FunctionNotSerializable,
    ResultNotReadable,
    ResultNotSerializable,
    SerializationError,
    UsageError,
)
from support.clock import soon
from support.disasters import square


async def test_an_element_that_does_not_fit_fails_alone(executor):
    def work(a, b):
        return a + b

    found = await executor.map(work, [(1, 2), 3, (1, 2, 3), {"a": 1, "b": 4}, {"c": 1}]).results(
        return_exceptions=True
    )
    assert [found[0], found[3]] == [3, 5]
    assert [type(found[n]) for n in (1, 2, 4)] == [UsageError] * 3
    assert "work(a, b)" in str(found[1])


class BadRepr:
    def __repr__(self):
        raise ZeroDivisionError("no text")


async def test_an_element_that_does_not_fit_and_cannot_be_shown_fails_alone(executor):
    def work(a, b):
        return a + b

    async with soon():
        found = await executor.map(work, [(1, 2), BadRepr(), (3, 4)]).results(
            return_exceptions=True
        )
    assert [found[0], found[2]] == [3, 7]
    assert isinstance(found[1], UsageError)


async def test_values_for_args_that_are_no_sequence_fail_alone(executor):
    def work(a, *args):
        return a, args

    elements = [{"a": 1, "args": [2]}, {"a": 1, "args": 5}, {"a": 2}]
    async with soon():
        found = await executor.map(work, elements).results(return_exceptions=True)
    assert found[0] == (1, (2,))
    assert isinstance(found[1], UsageError)
    assert found[2] == (2, ())


@pytest.mark.parametrize("where", ["closure", "partial", "default"])
async def test_a_function_that_cannot_travel_says_what_is_wrong(executor, where):
    lock = threading.Lock()

    def closure(number):
        return lock, number

    function = {
        "closure": closure,
        "partial": functools.partial(square, number=lock),
        "default": types.FunctionType(square.__code__, {}, "square", (lock,)),
    }[where]
    with pytest.raises(FunctionNotSerializable, match="lock"):
        executor.submit(function, 1)
    with pytest.raises(FunctionNotSerializable, match="lock"):
        executor.map(function, [1])
    assert await executor.submit(square, 3) == 9


async def test_arguments_that_cannot_travel_fail_alone_and_are_named(executor):
    bad = {"deep": [1, {"lock": threading.Lock()}]}
    async with soon(5):
        found = await executor.map(lambda x: 1, [1, (bad,), 3, threading.Lock()]).results(
            return_exceptions=True
        )
    assert [found[0], found[2]] == [1, 1]
    assert isinstance(found[1], ArgumentsNotSerializable)
    assert "[0]['deep'][1]['lock']" in str(found[1])
    assert isinstance(found[1], TypeError)
    assert isinstance(found[3], ArgumentsNotSerializable)
    assert "lock" in str(found[3])


def nest(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


def loop_with_lock():
    value = [threading.Lock()]
    value.insert(0, value)
    return value


@pytest.mark.parametrize("make", [lambda: nest(100_000), loop_with_lock], ids=["deep", "circular"])
async def test_arguments_too_deep_or_circular_fail_alone(executor, make):
    async with soon(10):
        found = await executor.map(len, [[1], make(), [2, 3]]).results(return_exceptions=True)
    assert [found[0], found[2]] == [1, 2]
    assert isinstance(found[1], ArgumentsNotSerializable)


async def test_a_circular_value_travels(executor):
    value = [1]
    value.append(value)
    back = await executor.submit(lambda value: value, value)
    assert back[1] is back


async def test_a_result_that_cannot_travel_fails_alone_and_is_named(executor):
    def work(kind):
        import threading

        return {"lock": threading.Lock, "generator": lambda: (n for n in range(3))}.get(
            kind, lambda: kind
        )()

    async with soon(5):
        found = await executor.map(work, [1, "lock", 3, "generator"]).results(
            return_exceptions=True
        )
    assert [found[0], found[2]] == [1, 3]
    for error, name in ((found[1], "lock"), (found[3], "generator")):
        assert isinstance(error, ResultNotSerializable)
        assert name in str(error)


async def test_a_result_too_deep_fails_alone(executor):
    async with soon(10):
        with pytest.raises(ResultNotSerializable, match="RecursionError"):
            await executor.submit(nest, 100_000)


class NotHere:
    """Can be rebuilt in the worker only."""

    def __reduce__(self):
        return open_in_worker, (gl.__name__,)


def open_in_worker(name):
    import os

    if not os.environ.get("GL_HERE"):
        raise LookupError("not here")


@pytest.mark.parametrize("error", [LookupError, MemoryError, RecursionError, SystemExit])
async def test_a_result_that_cannot_be_rebuilt_here_fails_alone(executor, error):
    def work(number):
        class Bad:
            def __reduce__(self):
                return rebuild, (error,)

        return Bad() if number == 2 else number

    async with soon(5):
        found = await executor.map(work, range(4)).results(return_exceptions=True)
        assert await executor.submit(square, 3) == 9
    assert isinstance(found.pop(2), ResultNotReadable)
    assert found == [0, 1, 3]


def rebuild(error):
    raise error("cannot be rebuilt")


async def test_arguments_that_cannot_be_rebuilt_there_fail_alone(executor):
    class Bad:
        def __reduce__(self):
            return rebuild, (LookupError,)

    async with soon(5):
        found = await executor.map(id, [1, Bad(), 2]).results(return_exceptions=True)
    assert isinstance(found[1], SerializationError)
    assert "cannot be rebuilt in the worker" in str(found[1])
    assert isinstance(found[0], int)
