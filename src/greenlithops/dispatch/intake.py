"""Makes calls: takes elements from a job's input, binds and pickles their arguments."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch.serialize import ArgumentPacker
from greenlithops.errors import GreenlithopsError, OutOfMemory, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from greenlithops.dispatch.inputs import Input
    from greenlithops.dispatch.plan import Binder
    from greenlithops.dispatch.serialize import ClassBook

Entry = tuple[int, bytes, list[Any]]  #: index, pickled arguments, raw buffers

TAKE_NS = 1_000_000  #: how long the event loop may be held while a batch is made
TAKE_BYTES = 1 << 20


class Taken:
    """What was taken from the input at one go, as columns.

    Args:
        first: the number of the first element that is taken.
    """

    __slots__ = ("_first", "blobs", "buffers", "failures", "sizes")

    def __init__(self, first: int) -> None:
        self._first = first
        self.blobs: list[bytes] = []  #: the arguments of the calls that can be sent
        self.buffers: dict[int, list[Any]] = {}  #: by place among these, where there are any
        self.sizes: list[int] = []  #: the sizes of the arguments of all, 0 where there are none
        self.failures: dict[int, Exception | None] = {}  #: None: cancelled before it was taken

    @property
    def indices(self) -> Sequence[int]:
        """The numbers of the calls that can be sent."""
        numbers = range(self._first, self._first + len(self.sizes))
        if not self.failures:
            return numbers
        return [number for number in numbers if number not in self.failures]


class Intake:
    """Turns elements of an input into calls.

    Args:
        source: where elements come from.
        bind: how an element becomes arguments.
        name: the function's name, for errors.
        book: the user's own classes that arguments refer to.
        max_memory: bytes that a worker may use, or None.
    """

    def __init__(
        self, source: Input, bind: Binder, name: str, book: ClassBook, max_memory: int | None
    ) -> None:
        self._source = source
        self._bind = bind
        self._name = name
        self._packer = ArgumentPacker(book)
        self._max_memory = max_memory

    def take(self, first: int, limit: int, cancelled: set[int]) -> Taken:
        """Take up to `limit` elements, the first of which is number `first`.

        Fewer are taken when that takes long, or when they are large.
        """
        taken = Taken(first)
        blobs, sizes = taken.blobs, taken.sizes
        take, pack = self._source.next, self.pack
        stop = time.monotonic_ns() + TAKE_NS
        total = 0
        for number in range(first, first + limit):
            try:
                element = take()
            except StopIteration:
                break
            if cancelled and number in cancelled:
                taken.failures[number] = None
                sizes.append(0)
                continue
            try:
                blob, raw, size = pack(element, number)
            except GreenlithopsError as error:
                taken.failures[number] = error
                sizes.append(0)
                continue
            if raw:
                taken.buffers[len(blobs)] = raw
            sizes.append(size)
            blobs.append(blob)
            total += size
            if total > TAKE_BYTES or time.monotonic_ns() > stop:
                break
        return taken

    def pack(self, element: Any, number: int) -> tuple[bytes, list[Any], int]:
        """Return the arguments of a call as a payload, and its size.

        Raises:
            GreenlithopsError: the element cannot be used; the text says why.
        """
        try:
            blob, raw = self._packer.pack(self._bind(element, number), self._name, number)
        except GreenlithopsError:
            raise
        except Exception as error:  # whatever the element does when it is looked at
            text = f"element {number} of the input cannot be used: {error!r}"
            raise UsageError(text) from error
        size = len(blob) + sum(map(len, raw)) if raw else len(blob)
        if self._max_memory and size > self._max_memory:
            raise OutOfMemory(
                f"the arguments of call {number} of {self._name} take {size} bytes, more than its "
                f"worker's max_memory of {self._max_memory} bytes"
            )
        return blob, raw, size
