"""A function is pickled again whenever anything that it refers to may have changed."""

import functools
import json
from operator import add

import pytest

from greenlithops.dispatch.images import KEPT, fingerprint
from greenlithops.dispatch.plan import describe

NUMBER = 10**6
TEXT = "text"
LIST = [1]


class Thing:
    value = 1


def plain(x):
    return x


def uses_number(x):
    return x + NUMBER


def uses_function(x):
    return uses_number(x)


def uses_module(x):
    return json.dumps(x)


def uses_nested(x):
    return [lambda: NUMBER for _ in range(x)]


def recursive(x):
    return recursive(x - 1) if x else x


def uses_list(x):
    return LIST


def uses_class(x):
    return Thing.value


def with_default(x, y=NUMBER):
    return x


def with_list_default(x, y=LIST):
    return x


def with_attribute(x):
    return x


with_attribute.extra = [1]


def make_closure():
    kept = [1]
    return lambda: kept


@pytest.mark.parametrize(
    "function",
    [
        *(plain, uses_number, uses_function, uses_module, uses_nested, recursive, with_default),
        *(abs, add, json.dumps),
        *(functools.partial(plain, 1), functools.partial(map, uses_function)),
        functools.partial(functools.partial(with_default, 1), y="text"),
    ],
    ids=describe,
)
def test_what_cannot_change_unseen_has_one(function):
    assert fingerprint(function) is not None
    assert fingerprint(function) == fingerprint(function)


@pytest.mark.parametrize(
    "function",
    [
        *(uses_list, uses_class, with_list_default, with_attribute, make_closure()),
        *(LIST.append, Thing(), Thing),
        *(functools.partial(plain, LIST), functools.partial(uses_list, 1)),
        functools.partial(plain, x=Thing),
    ],
    ids=describe,
)
def test_what_may_change_unseen_has_none(function):
    assert fingerprint(function) is None


@pytest.mark.parametrize("function", [uses_number, uses_function, uses_nested])
def test_another_global_is_another_fingerprint(monkeypatch, function):
    before = fingerprint(function)
    monkeypatch.setitem(globals(), "NUMBER", NUMBER + 1)
    assert fingerprint(function) != before
    monkeypatch.undo()
    assert fingerprint(function) == before
    monkeypatch.delitem(globals(), "NUMBER")
    assert fingerprint(function) != before


def test_another_default_code_or_helper_is_another_fingerprint(monkeypatch):
    before = fingerprint(with_default)
    monkeypatch.setattr(with_default, "__defaults__", (5,))
    assert fingerprint(with_default) != before
    before = fingerprint(plain)
    monkeypatch.setattr(plain, "__code__", (lambda x: x + 1).__code__)
    assert fingerprint(plain) != before
    before = fingerprint(uses_function)
    monkeypatch.setitem(globals(), "uses_number", lambda x: x)
    assert fingerprint(uses_function) != before


def test_other_arguments_of_a_partial_are_another_fingerprint():
    marks = [
        fingerprint(functools.partial(plain, *args, **names))
        for args in [(), (1,), (2,), ("x", 1), (plain,)]
        for names in [{}, {"x": 1}, {"x": 2}, {"y": 1}]
    ]
    assert len(set(marks)) == len(marks)


def test_a_value_where_another_one_was_is_another_fingerprint():
    """A fingerprint holds what it is of, or else a new value at its address would pass for it."""
    space = {"__builtins__": __builtins__}
    exec("def work(): return VALUE", space)
    seen = []
    for number in range(200):
        space["VALUE"] = float(number) + 0.25
        mark = fingerprint(space["work"])
        assert mark not in seen
        seen.append(mark)
        del space["VALUE"]


def test_not_everything_is_kept():
    assert 1 <= KEPT <= 10_000
