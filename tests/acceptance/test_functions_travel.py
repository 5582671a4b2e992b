"""Any callable runs on a worker: lambdas, closures, methods, what a script or a prompt defines."""

import asyncio
import functools
import operator

import pytest

from greenlithops.errors import (
    UsageError,
)
from support.clock import soon
from support.disasters import square

OFFSET = 3


def use_global(number):
    return number + OFFSET


def fibonacci(number):
    return number if number < 2 else fibonacci(number - 1) + fibonacci(number - 2)


class Adder:
    """A callable object with state."""

    base = 10

    def __init__(self, more):
        self.more = more

    def __call__(self, number):
        return self.base + self.more + number

    def method(self, number):
        return self.more + number

    @classmethod
    def of_class(cls, number):
        return cls.base + number

    @staticmethod
    def of_nobody(number):
        return number + 1


def add_to(offset):
    return lambda number: number + offset


@functools.lru_cache
def cached(number):
    return number * 3


@functools.wraps(square)
def wrapped(number):
    return square(number) + 1


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda number: number + 1, 5),
        (add_to(5), 9),
        (functools.partial(pow, 2), 16),
        (functools.partial(lambda a, b, *, c: (a, b, c), 1, c=3), (1, 4, 3)),
        (Adder(1), 15),
        (Adder(1).method, 5),
        (Adder.of_class, 14),
        (Adder.of_nobody, 5),
        (use_global, 7),
        (fibonacci, 3),
        (cached, 12),
        (wrapped, 17),
        (abs, 4),
        (str, "4"),
        (complex, 4 + 0j),
        ("abcdefgh".__getitem__, "e"),
        (operator.itemgetter, operator.itemgetter(4)),
        ([0, 1, 2, 3, 9].__getitem__, 9),
    ],
)
async def test_every_kind_of_callable(executor, function, expected):
    found = await executor.submit(function, 4)
    assert repr(found) == repr(expected) or found == expected


async def test_cached_functions_travel_by_value_with_an_empty_cache(executor):
    @functools.lru_cache(maxsize=50, typed=True)
    def power(number):
        return 1 if number == 0 else 2 * power(number - 1)

    class Model:
        @functools.cache  # noqa: B019 - what programs do
        def answer(self, number):
            return number + 1

    def work(number):
        return power(number), power.cache_info().currsize, power.cache_parameters()

    power(40)
    same = {"maxsize": 50, "typed": True}
    assert await executor.submit(work, 10) == (1024, 11, same)
    assert await executor.submit(power, 5) == 32
    assert await executor.submit(Model().answer, 1) == 2


async def test_arguments_as_they_are(executor):
    def work(a, /, b, *args, c=1, **kwargs):
        return a, b, args, c, kwargs

    assert await executor.submit(work, 1, 2) == (1, 2, (), 1, {})
    assert await executor.submit(work, 1, 2, 3, c=4, d=5) == (1, 2, (3,), 4, {"d": 5})
    assert await executor.submit(work, (1, 2), {"a": 1}) == ((1, 2), {"a": 1}, (), 1, {})
    assert await executor.map(work, [(1, 2), (1, 2, 3)], extra_args=(9,)) == [
        (1, 2, (9,), 1, {}),
        (1, 2, (3, 9), 1, {}),
    ]
    with pytest.raises(UsageError):
        executor.submit("no function")
    with pytest.raises(UsageError):
        executor.map(None, [1])
    with pytest.raises(TypeError):
        await executor.submit(square)


async def test_changed_globals_are_seen(executor, monkeypatch):
    assert await executor.submit(use_global, 1) == 4
    monkeypatch.setitem(globals(), "OFFSET", 100)
    assert await executor.submit(use_global, 1) == 101
    del globals()["OFFSET"]
    with pytest.raises(NameError):
        await executor.submit(use_global, 1)
    globals()["OFFSET"] = 3


async def test_changed_globals_are_seen_though_their_memory_is_used_again(executor):
    """The identity of a number is no proof: a new one may live where the old one was."""
    space = {"__builtins__": __builtins__}
    exec("def work(): return VALUE", space)
    for number in range(50):
        space["VALUE"] = float(f"{number}.5")
        assert await executor.submit(space["work"]) == number + 0.5
        del space["VALUE"]


async def test_a_changed_closure_default_and_attribute_are_seen(executor):
    box = [1]

    def work(add=0):
        return box[0] + add + getattr(work, "extra", 0)

    assert await executor.submit(work) == 1
    box[0] = 2
    assert await executor.submit(work) == 2
    work.__defaults__ = (10,)
    assert await executor.submit(work) == 12
    work.extra = 100
    assert await executor.submit(work) == 112


async def test_many_functions_do_not_pile_up(executor):
    """Workers forget functions that no job uses; those that are used again still work."""
    functions = [add_to(number) for number in range(150)]
    async with soon(40):  # after other tests, thousands of modules are looked at for each
        for _ in range(2):
            for offset, function in enumerate(functions):
                assert await executor.submit(function, 1) == 1 + offset
        calls = [executor.submit(function, 2) for function in functions]
        assert await asyncio.gather(*(call.job.wait() for call in calls))
        assert [call.result() for call in calls] == [2 + n for n in range(150)]
