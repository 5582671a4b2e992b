"""How objects are cut into parts, and how an element names the object that it is about; pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.options import byte_count, checked_counts
from greenlithops.dispatch.plan import OBJECT, places
from greenlithops.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, slots=True)
class Cut:
    """How objects are cut.

    Attributes:
        size: bytes of a part, or None.
        number: parts of every object, which wins over `size`; or None. With neither, every
            object is one part.
        newline: what ends a record, so that no record is cut; None for exact ranges of bytes.
    """

    size: int | None = None
    number: int | None = None
    newline: bytes | None = b"\n"


def cut(size: int | str | None, number: int | None, newline: str | bytes | None) -> Cut:
    """Return what ``obj_chunk_size``, ``obj_chunk_number`` and ``obj_newline`` stand for.

    Raises:
        UsageError: one of them is out of its range.
    """
    checked_counts(obj_chunk_number=number or None)
    if not isinstance(newline, (str, bytes, type(None))):
        raise UsageError(f"obj_newline must be text, bytes or None, not {newline!r}")
    separator = newline.encode() if isinstance(newline, str) else newline
    if separator == b"":
        raise UsageError("obj_newline must not be empty; None cuts into exact ranges of bytes")
    return Cut(byte_count(size) if size else None, number or None, separator)


def spans(size: int, how: Cut) -> Iterator[tuple[int, int]]:
    """Give the start and stop of each part of an object of `size` bytes; one at least.

    Parts of a number differ by one byte at most, and none is empty unless the object is.
    """
    if how.number is not None:
        number = max(1, min(how.number, size))
        for part in range(number):
            yield size * part // number, size * (part + 1) // number
        return
    step = how.size or size or 1
    for start in range(0, size or 1, step):
        yield start, min(start + step, size)


def count(size: int, how: Cut) -> int:
    """Return how many parts `spans` gives."""
    if how.number is not None:
        return max(1, min(how.number, size))
    return max(1, -(-size // how.size)) if how.size else 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where a function takes its object.

    Attributes:
        taken: the position of ``obj`` among the function's positional parameters, or None.
        given: its position among those that elements give values to, or None.
    """

    taken: int | None
    given: int | None

    @classmethod
    def of(cls, function: Callable[..., Any]) -> Place:
        """Return the place of a function that has a parameter ``obj``."""
        return cls(*places(function, OBJECT))

    def find(self, element: Any) -> tuple[Any, Callable[[Any], Any]] | None:
        """Return what an element names as its object, and what makes the element of a part.

        None: it names none, so that the parameter has its default value.
        """
        if isinstance(element, dict):
            if OBJECT not in element:
                return None
            return element[OBJECT], lambda part: {**element, OBJECT: part}
        if isinstance(element, tuple):
            place = self.given
            if place is None or place >= len(element):
                return None
            return element[place], lambda part: (*element[:place], part, *element[place + 1 :])
        return None if self.given != 0 else (element, lambda part: (part,))
