"""Calls a function for every element of a chunk; apart, since workers import it."""

from __future__ import annotations

import functools
import itertools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


def each(function: Callable[..., Any], *, spread: bool) -> Callable[[Sequence[Any]], Any]:
    """Return what calls `function` for every element of a chunk, and returns the results' list."""
    from greenlithops.dispatch.plan import describe, is_async  # noqa: PLC0415 - not in workers

    if is_async(function):
        call: Any = functools.partial(_await_each_spread if spread else _await_each, function)
    else:
        call = functools.partial(_call_each_spread if spread else _call_each, function)
    call.__qualname__ = describe(function)  # what errors and logs call it
    return call  # type: ignore[no-any-return]  # it is one


def _call_each(function: Callable[..., Any], chunk: Sequence[Any]) -> list[Any]:
    return list(map(function, chunk))


def _call_each_spread(function: Callable[..., Any], chunk: Sequence[Any]) -> list[Any]:
    return list(itertools.starmap(function, chunk))


async def _await_each(function: Callable[..., Any], chunk: Sequence[Any]) -> list[Any]:
    return await _gather(map(function, chunk))


async def _await_each_spread(function: Callable[..., Any], chunk: Sequence[Any]) -> list[Any]:
    return await _gather(itertools.starmap(function, chunk))


async def _gather(calls: Iterator[Any]) -> list[Any]:
    import asyncio  # noqa: PLC0415 - only where there are coroutines

    return await asyncio.gather(*calls)
