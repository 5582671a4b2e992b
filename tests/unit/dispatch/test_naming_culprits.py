"""What cannot be pickled is named, whatever it is part of."""

import threading

import pytest

from greenlithops.dispatch.serialize import culprit
from greenlithops.worker.pickling import pack_any

LOCK = threading.Lock()


class Box:
    def __init__(self, **parts):
        self.__dict__.update(parts)


class BadText:
    def __reduce__(self):
        raise ValueError("no")

    def __repr__(self):
        raise ValueError("no text")


def closure():
    inner = {"deep": LOCK}
    return lambda: inner


CASES = [
    (LOCK, "lock"),
    ([1, LOCK], "[1]"),
    ({"a": {"b": LOCK}}, "['a']['b']"),
    (Box(left=1, right=Box(lock=LOCK)), ".right.lock"),
    ((1, [2, (3, LOCK)]), "[1][1][1]"),
    (closure(), "'inner'"),
    (BadText(), "BadText"),
    ([BadText()], "[0]"),
    ((n for n in range(3)), "generator"),
]


@pytest.mark.parametrize(("value", "name"), CASES, ids=[str(n) for n in range(len(CASES))])
def test_the_smallest_part_is_named(value, name):
    with pytest.raises(Exception) as caught:  # noqa: PT011 - whatever pickle raises
        pack_any(value)
    text = culprit(value, caught.value)
    assert name in text


def test_circles_and_depths_come_to_an_end():
    circle = [LOCK]
    circle.insert(0, circle)
    assert culprit(circle, TypeError("x"))
    deep = LOCK
    for _ in range(50_000):
        deep = [deep]
    assert culprit(deep, RecursionError("too deep"))
    box = Box(lock=LOCK)
    box.me = box
    assert culprit(box, TypeError("x"))
