"""How elements become arguments: the table of Lithops' rules."""

import functools
import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.dispatch import plan
from greenlithops.errors import UsageError


def one(x):
    return x


def two(a, b):
    return a, b


def defaulted(a, b=5):
    return a, b


def named_only(a, *, key):
    return a, key


def variable(*args):
    return args


def keywords(**kwargs):
    return kwargs


def everything(a, b=2, *args, key=3, **kwargs):
    return a, b, args, key, kwargs


def positional(a, b, /):
    return a, b


def numbered(x, id):  # noqa: A002 - Lithops' name
    return x, id


def only_number(id):  # noqa: A002
    return id


def nothing():
    return ()


def call(function, element, number=0):
    """Do what a worker does with what the plan gives."""
    arguments = plan.binder(function)(element, number)
    if type(arguments) is tuple:
        return function(*arguments)
    return function(*arguments[0], **arguments[1])


FITS = [
    (one, 7, 7),
    (one, (7,), 7),
    (one, [1, 2], [1, 2]),
    (one, None, None),
    (one, "text", "text"),
    (one, {"x": 7}, 7),
    (one, ({"a": 1},), {"a": 1}),
    (one, ((1, 2),), (1, 2)),
    (two, (1, 2), (1, 2)),
    (two, {"a": 1, "b": 2}, (1, 2)),
    (two, {"b": 1, "a": 2}, (2, 1)),
    (defaulted, 1, (1, 5)),
    (defaulted, (1,), (1, 5)),
    (defaulted, (1, 2), (1, 2)),
    (defaulted, {"a": 1}, (1, 5)),
    (named_only, {"a": 1, "key": 2}, (1, 2)),
    (variable, (), ()),
    (variable, (1, 2, 3), (1, 2, 3)),
    (variable, 1, (1,)),
    (variable, {"args": [1, 2]}, (1, 2)),
    (keywords, {"a": 1, "b": 2}, {"a": 1, "b": 2}),
    (keywords, {"kwargs": {"a": 1}}, {"a": 1}),
    (keywords, {}, {}),
    (everything, 1, (1, 2, (), 3, {})),
    (everything, (1, 4, 5, 6), (1, 4, (5, 6), 3, {})),
    (everything, {"a": 1, "key": 9, "z": 0}, (1, 2, (), 9, {"z": 0})),
    (everything, {"a": 1, "b": 4, "args": (5,), "z": 0}, (1, 4, (5,), 3, {"z": 0})),
    (positional, (1, 2), (1, 2)),
    (positional, {"a": 1, "b": 2}, (1, 2)),
    (numbered, 5, (5, 3)),
    (numbered, (5,), (5, 3)),
    (numbered, {"x": 5}, (5, 3)),
    (only_number, 8, 8),
    (nothing, (), ()),
    (nothing, {}, ()),
    (functools.partial(two, 1), 2, (1, 2)),
    (functools.partial(two, b=1), {"a": 2}, (2, 1)),
    (max, (1, 5, 2), 5),
    (int, "12", 12),
]


@pytest.mark.parametrize(("function", "element", "expected"), FITS)
def test_what_fits(function, element, expected):
    assert call(function, element, number=3) == expected


MISFITS = [
    (one, (1, 2)),
    (one, ()),
    (one, {"y": 1}),
    (one, {}),
    (one, {"x": 1, "y": 2}),
    (two, 1),
    (two, (1,)),
    (two, (1, 2, 3)),
    (two, [1, 2]),
    (two, {"a": 1}),
    (two, {"a": 1, "b": 2, "c": 3}),
    (named_only, 1),
    (named_only, (1,)),
    (named_only, {"a": 1}),
    (keywords, 1),
    (keywords, {1: 2}),
    (nothing, 1),
    (nothing, (1,)),
    (numbered, (1, 2)),
    (positional, {"a": 1}),
    (everything, ()),
    (variable, {"args": 5}),
]


@pytest.mark.parametrize(("function", "element"), MISFITS)
def test_what_does_not_fit_names_the_function_and_the_element(function, element):
    with pytest.raises(UsageError, match=function.__name__):
        call(function, element)


def test_more_arguments_for_every_element():
    bind = plan.with_extra(plan.binder(everything), (8, 9))
    assert bind(1, 0) == (1, 8, 9)
    assert bind((1, 2), 0) == (1, 2, 8, 9)
    with pytest.raises(UsageError):
        bind({"a": 1}, 0)
    bind = plan.with_extra(plan.binder(two), {"b": 9})
    assert bind({"a": 1}, 0) == [(), {"a": 1, "b": 9}]
    with pytest.raises(UsageError):
        bind(1, 0)
    with pytest.raises(UsageError):
        plan.with_extra(plan.binder(two), [1])
    for empty in (None, (), {}):
        assert plan.with_extra(plan.binder(one), empty)(1, 0) == (1,)


def test_the_element_is_not_changed():
    element = {"a": 1, "args": [2], "kwargs": {"z": 3}}
    before = repr(element)
    call(everything, element)
    assert repr(element) == before


@pytest.mark.parametrize("name", sorted(plan.UNAVAILABLE))
def test_names_that_are_filled_from_a_configuration_are_refused_without_one(name):
    space = {}
    exec(f"def work(x, {name}): return x", space)
    exec(f"def fine(x, {name}=1): return x", space)
    exec(f"def alone({name}): return {name}", space)
    with pytest.raises(UsageError, match=name):
        plan.binder(space["work"])
    assert call(space["fine"], 1) == 1
    assert call(space["alone"], 1) == 1


async def later(x):
    return x


class Callable:
    def __call__(self, x):
        return x

    async def method(self):
        pass


class AsyncCallable:
    async def __call__(self, x):
        return x


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (one, False),
        (later, True),
        (functools.partial(later, 1), True),
        (functools.partial(functools.partial(later), 1), True),
        (Callable(), False),
        (AsyncCallable(), True),
        (Callable().method, True),
        (functools.partial(Callable().method), True),
        (functools.wraps(later)(lambda x: x), True),
        (abs, False),
        (int, False),
        (Callable, False),
    ],
)
def test_what_is_async(function, expected):
    assert plan.is_async(function) is expected


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (one, "one"),
        (functools.partial(two, 1), "two"),
        (Callable(), "Callable"),
        (Callable().method, "Callable.method"),
        (abs, "abs"),
    ],
)
def test_names_for_people(function, name):
    assert plan.describe(function) == name


arguments = st.lists(st.integers(), max_size=4)
names = st.dictionaries(st.sampled_from(["a", "b", "key", "z"]), st.integers())


@given(arguments)
def test_tuples_bind_as_python_binds(values):
    """Where Python can call the function so, so can we; where it cannot, it is a UsageError."""
    for function in (one, two, defaulted, named_only, variable, everything, positional, nothing):
        try:
            inspect.signature(function).bind(*values)
        except TypeError:
            with pytest.raises(UsageError):
                call(function, tuple(values))
        else:
            assert call(function, tuple(values)) == function(*values)


@given(names)
def test_dictionaries_bind_as_python_binds(named):
    for function in (two, defaulted, named_only, keywords, everything):
        try:
            inspect.signature(function).bind(**named)
        except TypeError:
            with pytest.raises(UsageError):
                call(function, named)
        else:
            assert call(function, named) == function(**named)


class NamesOnly:
    def __init__(self, func):
        self.func = func

    def __call__(self, *args, **kwargs):
        return self.func(**kwargs)


def names_only(**kwargs):
    return kwargs


def looks_at_both(*args, **kwargs):
    return args, kwargs


def keeps_both(*args, **kwargs):
    return lambda: (args, kwargs)


@pytest.mark.parametrize(
    ("wrapper", "by_name"),
    [
        (NamesOnly(two), True),
        (names_only, True),
        (functools.partial(names_only), True),
        (looks_at_both, False),
        (keeps_both, False),
        (functools.lru_cache(two), False),
    ],
    ids=["an object", "names", "a partial", "both", "both, later", "a built-in's"],
)
def test_wrappers_that_lose_what_comes_by_position_get_it_by_name(wrapper, by_name):
    inner = wrapper.func if isinstance(wrapper, functools.partial) else wrapper
    functools.update_wrapper(inner, two)
    expected = [(), {"a": 1, "b": 2}] if by_name else (1, 2)
    assert plan.binder(wrapper)((1, 2), 0) == expected


def test_reserved_parameters_are_those_that_a_function_tells():
    def wrapper(*args, **kwargs):
        return args, kwargs

    wrapper.__signature__ = inspect.signature(lambda x, *, storage: None)
    assert plan.reserved(wrapper) == {"storage"}
    assert plan.binder(wrapper)((1,), 0) == (1,)
