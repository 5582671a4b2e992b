"""greenlithops where the standard library's executors are taken: PoolExecutor."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import greenlithops as gl
from peers import Session, drive
from peers.futures_session import FuturesSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DISTRIBUTION = "greenlithops"
run = drive


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open a pool on this machine, with the defaults of a user."""
    with gl.PoolExecutor(max_workers=workers) as pool:
        yield FuturesSession(pool)
