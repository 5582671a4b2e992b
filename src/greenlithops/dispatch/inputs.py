"""What a program maps over: anything iterable, sync or async, of any length."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sized
from contextlib import aclosing
from typing import Any

from greenlithops.dispatch.work import Input
from greenlithops.errors import UsageError

AHEAD = 256  #: elements of an asynchronous input that wait to be taken


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
        return Input(iter(elements), len(elements), lazy=False)
    return Input(iter(elements), None, lazy=True)


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
