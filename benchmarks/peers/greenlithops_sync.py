"""greenlithops' synchronous face, used as a Lithops program uses it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import greenlithops as gl
from peers import Session, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = "greenlithops"
run = drive


class _Session(Session):
    def __init__(self, executor: gl.FunctionExecutor) -> None:
        self._executor = executor

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        futures = self._executor.map(function, items)
        return self._executor.get_result(futures)

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        return self._executor.get_result(self._executor.call_async(function, (item,)))


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open an executor on this machine, with the defaults of a user."""
    with gl.FunctionExecutor(max_workers=workers) as executor:
        yield _Session(executor)
