"""Lithops on its localhost backend, as it is configured when no cloud is named."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import lithops

from peers import Session, drive

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable

T = TypeVar("T")

DISTRIBUTION = "lithops"
run = drive


class _Session(Session):
    def __init__(self, executor: lithops.FunctionExecutor) -> None:
        self._executor = executor

    async def map(self, function: Callable[[Any], T], items: Iterable[Any]) -> list[T]:
        futures = self._executor.map(function, list(items))
        return self._executor.get_result(futures, show_progressbar=False)

    async def call(self, function: Callable[[Any], T], item: Any) -> T:
        future = self._executor.call_async(function, (item,))
        return self._executor.get_result(future, show_progressbar=False)


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open an executor on this machine, without its 4 MiB limit on data, and close it."""
    config = {
        "lithops": {"backend": "localhost", "storage": "localhost", "data_limit": 0},
        "localhost": {"worker_processes": workers},
    }
    with lithops.FunctionExecutor(config=config, log_level=None) as executor:
        yield _Session(executor)
