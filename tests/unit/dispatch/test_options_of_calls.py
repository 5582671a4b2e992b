"""Options as people write them, as numbers or as an error that says what is wrong."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.dispatch.options import (
    byte_count,
    checked_timeout,
    default_workers,
    environment_items,
)
from greenlithops.errors import UsageError


@pytest.mark.parametrize(
    ("text", "count"),
    [
        (1, 1),
        (12345, 12345),
        ("512", 512),
        ("1b", 1),
        ("1 k", 1024),
        ("1K", 1024),
        ("1 KB", 1024),
        ("1KiB", 1024),
        ("1.5 MiB", 3 << 19),
        (" 2 GiB ", 2 << 30),
        ("1T", 1 << 40),
    ],
)
def test_sizes(text, count):
    assert byte_count(text) == count


@pytest.mark.parametrize(
    "size", ["", "MiB", "five", "1 XB", "-1", "1 2", "1e3", None, 0, -5, 1.5, b"1", "0", "0 MiB"]
)
def test_what_is_no_size(size):
    with pytest.raises(UsageError):
        byte_count(size)


@given(st.integers(1, 10**6), st.sampled_from("kmgt"), st.sampled_from(["", "B", "iB"]))
def test_units(number, unit, suffix):
    factor = 1024 ** (1 + "kmgt".index(unit))
    assert byte_count(f"{number}{unit}{suffix}") == number * factor
    assert byte_count(f" {number} {unit.upper()}{suffix} ") == number * factor


@pytest.mark.parametrize("seconds", [None, 1, 0.001, 1e9, float("inf")])
def test_timeouts(seconds):
    assert checked_timeout(seconds) == seconds


@pytest.mark.parametrize("seconds", [0, -1, -0.0, float("nan")])
def test_what_is_no_timeout(seconds):
    with pytest.raises(UsageError, match="positive"):
        checked_timeout(seconds)


def test_variables():
    assert environment_items(None) == ()
    assert environment_items({}) == ()
    assert environment_items({"A": 1, "B": True, "C": "x", "D": ""}) == (
        ("A", "1"),
        ("B", "True"),
        ("C", "x"),
        ("D", ""),
    )


@pytest.mark.parametrize(
    "variables", [{"": 1}, {"A=": 1}, {"A\0": 1}, {5: 1}, {None: 1}, {"A": "\0"}, {"A": None}]
)
def test_what_is_no_variable(variables):
    with pytest.raises(UsageError):
        environment_items(variables)


def test_there_is_a_worker():
    assert default_workers() >= 1
