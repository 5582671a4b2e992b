"""Doing things to their end: in a thread that ends with them, together, or though cancelled."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

T = TypeVar("T")

LARGE = 256 << 10  #: bytes from which encoding and hashing are left to a thread


def in_thread(function: Callable[..., T], *args: object) -> asyncio.Future[T]:
    """Begin ``function(*args)`` in a thread of its own; return its future, which is no task."""
    loop = asyncio.get_running_loop()
    try:
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - see below

        pool = ThreadPoolExecutor(1, "greenlithops-offload")
        try:
            return loop.run_in_executor(pool, function, *args)
        finally:
            pool.shutdown(wait=False)
    except RuntimeError:
        if threading.main_thread().is_alive():
            raise
    # The program is ending, when pools take nothing more, and cannot be imported even; what is
    # left to be done holds up nobody.
    done: asyncio.Future[T] = loop.create_future()
    done.set_result(function(*args))
    return done


async def off_loop(
    function: Callable[..., T], *args: object, discard: Callable[[T], object] | None = None
) -> T:
    """Return ``function(*args)``, called in a thread of its own.

    Args:
        function: what to call.
        args: its arguments.
        discard: called with the result if the caller was cancelled and waits for it no more.
    """
    working = in_thread(function, *args)
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:

        def drop(done: asyncio.Future[T]) -> None:
            if not done.cancelled() and done.exception() is None and discard is not None:
                discard(done.result())

        working.add_done_callback(drop)
        raise


async def to_the_end(work: Coroutine[Any, Any, T] | asyncio.Future[T]) -> T:
    """Await something that must not be left half done; heed a cancellation only after it.

    It must be short, or bound its own waits. What is `in_thread` is awaited even where the loop
    ends and cancels all of its tasks.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError as error:
            cancelled = error
    result = task.result()
    if cancelled is not None:
        raise cancelled
    return result


async def together(works: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return the results of works that run at the same time, in their order.

    The first that fails has the others cancelled; its error is raised when they have ended.
    """
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work) for work in works]
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
