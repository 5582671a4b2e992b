"""What a program maps over: anything iterable, sync or async, of any length."""

from __future__ import annotations

import asyncio
import collections
from collections.abc import AsyncIterable, Callable, Iterable, Iterator, Mapping, Sized
from contextlib import aclosing
from typing import Any

from greenlithops.errors import CallCancelled, UsageError

AHEAD = 256  #: elements of an asynchronous input that wait to be taken
_NOTHING = object()


class Input:
    """Elements for calls: a plain iterator, or a queue that something else fills.

    An iterator is asked one element ahead, so that its end is known when the last is taken.
    """

    def __init__(self, elements: Iterator[Any] | None, total: int | None, *, lazy: bool) -> None:
        self.total = total
        self.lazy = lazy  #: whether elements are made as they are taken
        self.queue: collections.deque[Any] = collections.deque()
        self.ended = False
        self.error: BaseException | None = None
        self.taken: Callable[[], None] | None = None  #: told when the queue has room again
        self.closed: Callable[[], object] | None = None  #: told when no more is wanted
        self._elements = elements
        self._ahead: Any = _NOTHING
        self._count = 0

    @property
    def ready(self) -> bool:
        """Whether an element can be had now."""
        return bool(self.queue) or self._ahead is not _NOTHING

    def look(self) -> bool:
        """Ask an iterator for its first element; return whether there may be any."""
        if self._ahead is _NOTHING and self._elements is not None:
            self._advance()
        return not self.ended

    def next(self) -> Any:
        """Return the next element; raises StopIteration when there is none now."""
        element = self._ahead
        if element is not _NOTHING:
            self._count += 1
            self._advance()
            return element
        if not self.queue:
            raise StopIteration
        element = self.queue.popleft()
        if self.taken:
            self.taken()
        return element

    def _advance(self) -> None:
        elements = self._elements
        self._ahead = _NOTHING
        if elements is None:
            return
        try:
            self._ahead = next(elements)
        except StopIteration:
            if self.total is not None:
                self.total = self._count  # what the input said of its length may have been wrong
            self.end()
        except Exception as error:  # noqa: BLE001 - the user's iterator may raise anything
            self.end(error)

    def end(self, error: BaseException | None = None) -> None:
        """Take note that nothing more will come, and of the error that ended it."""
        if self.closed and not self.ended:
            self.closed()
        self.ended = True
        self.error = self.error or error
        self._ahead = _NOTHING
        elements, self._elements = self._elements, None
        if close := getattr(elements, "close", None):
            close()


def as_input(elements: Any) -> Input:
    """Return the input that `elements` stand for.

    Raises:
        UsageError: it cannot be iterated, or is one value rather than many.
    """
    if isinstance(elements, (str, bytes, bytearray, memoryview, Mapping)):
        kind = type(elements).__name__
        raise UsageError(
            f"map needs an iterable of elements, and this {kind} is one value: "
            f"wrap it in a list for one call, or pass list(…) of it for a call for each part"
        )
    if isinstance(elements, AsyncIterable):
        return Input(None, None, lazy=True)
    if not isinstance(elements, Iterable):
        raise UsageError(f"map needs an iterable of elements, not {type(elements).__name__}")
    if isinstance(elements, Sized):
        # A copy, since the program may change it before its elements are taken.
        fixed = elements if _immutable(elements) else list(elements)
        return Input(iter(fixed), len(elements), lazy=False)
    return Input(iter(elements), None, lazy=True)


def _immutable(elements: object) -> bool:
    return isinstance(elements, (range, tuple))


async def pump(
    elements: AsyncIterable[Any], into: Input, wake: Callable[[], None], ended: Callable[[], None]
) -> None:
    """Move the elements of an asynchronous input to where they are taken from, as there is room."""
    room = asyncio.Event()
    into.taken = room.set
    iterator: Any = aiter(elements)
    try:
        if hasattr(iterator, "aclose"):
            async with aclosing(iterator):
                await _move(iterator, into, wake, room)
        else:
            await _move(iterator, into, wake, room)
    except Exception as error:  # noqa: BLE001 - the user's iterator may raise anything
        into.end(error)
    except asyncio.CancelledError:
        if not into.ended:  # the iterator awaited something that was cancelled
            into.end(CallCancelled("what the input of this job waited for was cancelled"))
        raise
    else:
        into.end()
    finally:
        ended()


async def _move(iterator: Any, into: Input, wake: Callable[[], None], room: asyncio.Event) -> None:
    async for element in iterator:
        if into.ended:  # the job was cancelled meanwhile
            return
        into.queue.append(element)
        wake()
        while len(into.queue) >= AHEAD and not into.ended:
            room.clear()
            await room.wait()
