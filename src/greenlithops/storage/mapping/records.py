"""Where the records of an object begin; pure: what is read is asked for by `yield`.

A record ends with a separator, or with the object. Separators are found from the front and do
not overlap, as `bytes.split` finds them. A record belongs to the part of the object in which it
begins, so that every part can find its records by itself, whatever the others do.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator

    #: asks for exactly ``data[start:stop]``
    Steps = Generator[tuple[int, int], bytes, int]

FIRST, MOST = 4 << 10, 256 << 10  #: bytes that are looked at together


def record_start(at: int, before: int, separator: bytes, floor: int = 0) -> Steps:
    """Return where the first record begins at `at` or after it; `before` if none does before it.

    Args:
        at: where to look from.
        before: where to look to; at most the size of the object.
        separator: what ends a record.
        floor: where a record is known to begin, at most `at`.
    """
    if at <= floor or at >= before:
        return min(at, before)
    position = max(floor, at - len(separator))
    if overlaps_itself(separator):
        position = yield from _outside(position, before, separator, floor)
    data = b""
    base = position
    size = FIRST
    while True:
        found = data.find(separator, position - base)
        if found >= 0:
            position = base + found + len(separator)
            if position >= before:
                return before
            if position >= at:
                return position
            continue
        # What has been looked at is of no use but for a separator that has begun in it.
        position = max(position, base + len(data) - len(separator) + 1)
        read = base + len(data)
        if read >= before - 1:  # a separator that ends later begins no record before `before`
            return before
        more = yield read, min(read + size, before - 1)
        data, base = data[position - base :] + more, position
        size = min(2 * size, MOST)


def overlaps_itself(separator: bytes) -> bool:
    """Return whether a separator may begin within another one, as two line feeds in three do."""
    return any(separator.startswith(separator[n:]) for n in range(1, len(separator)))


def _outside(at: int, size: int, separator: bytes, floor: int) -> Steps:
    """Return a position, `at` or before it, that is surely not within a separator.

    Whether one is depends on what is before it, as far as separators may overlap there.
    """
    reach = len(separator) - 1
    base = stop = at
    data = b""
    step = FIRST
    while at > floor:
        low = max(floor, at - reach)
        if low < base:
            start, stop = max(floor, at - reach - step), min(at + reach, size)
            data = yield start, stop
            base = start
            step = min(2 * step, MOST)
        found = data.rfind(separator, low - base, at + reach - base)
        if found < 0:
            return at
        at = base + found
    return at
