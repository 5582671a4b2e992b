"""loky's reusable executor, with one message a call."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import loky

from peers import Session, drive
from peers.futures_session import FuturesSession

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

DISTRIBUTION = "loky"
run = drive


@asynccontextmanager
async def open_session(workers: int) -> AsyncIterator[Session]:
    """Open the executor and close it with its processes."""
    pool = loky.get_reusable_executor(max_workers=workers)
    try:
        yield FuturesSession(pool)
    finally:
        pool.shutdown(wait=True)
