"""Running what may block for a moment in a thread that ends with it and leaves nothing."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


async def off_loop(
    function: Callable[..., T], *args: object, discard: Callable[[T], object] | None = None
) -> T:
    """Return ``function(*args)``, called in a thread of its own.

    Args:
        function: what to call.
        args: its arguments.
        discard: called with the result if the caller was cancelled and waits for it no more.
    """
    pool = ThreadPoolExecutor(1, "greenlithops-offload")
    working = asyncio.get_running_loop().run_in_executor(pool, function, *args)
    pool.shutdown(wait=False)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:

        def drop(done: asyncio.Future[T]) -> None:
            if not done.cancelled() and done.exception() is None and discard is not None:
                discard(done.result())

        working.add_done_callback(drop)
        raise
