"""concurrent.futures.ProcessPoolExecutor as most programs use it: one message a call."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from peers import Session, drive
from peers.futures_session import FuturesSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DISTRIBUTION = None
run = drive


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open the pool and close it with its processes."""
    with ProcessPoolExecutor(workers) as pool:
        yield FuturesSession(pool)
