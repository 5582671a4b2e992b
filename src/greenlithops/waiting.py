"""Waiting for futures of several jobs and executors at once."""

from __future__ import annotations

import asyncio
import collections
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from greenlithops.errors import UsageError
from greenlithops.job import Future, Job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Iterable

T = TypeVar("T")

ReturnWhen = Literal["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"]
_CHOICES = ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")


def _futures(fs: Iterable[Future[T] | Job[T]]) -> list[Future[T]]:
    found: dict[Future[T], None] = {}
    for item in [fs] if isinstance(fs, (Future, Job)) else fs:
        if isinstance(item, Future):
            found[item] = None
        elif isinstance(item, Job):
            total = item.progress.total
            if total is None:
                raise UsageError(f"{item!r} does not know yet how many calls it has; await it")
            found.update(dict.fromkeys(item[index] for index in range(total)))
        else:
            raise UsageError(f"a Future or a Job is needed, not {type(item).__name__}")
    return list(found)


async def wait(
    fs: Iterable[Future[T] | Job[T]],
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the name that asyncio.wait has
    return_when: ReturnWhen = "ALL_COMPLETED",
) -> tuple[set[Future[T]], set[Future[T]]]:
    """Wait for calls of any jobs; return the sets of those that ended and those that did not.

    Nothing is cancelled and no call's error is raised.

    Args:
        fs: futures and jobs; a job stands for all its calls.
        timeout: seconds to wait at most.
        return_when: when to return, as for `asyncio.wait`.

    Raises:
        UsageError: something else was given, or a job whose input has no known length.
    """
    if return_when not in _CHOICES:
        raise UsageError(f"return_when must be one of {', '.join(_CHOICES)}, not {return_when!r}")
    futures = _futures(fs)
    done: set[Future[T]] = set()
    pending = set(futures)
    iterator = as_completed(futures, timeout=timeout)
    try:
        async for future in iterator:
            done.add(future)
            pending.discard(future)
            if return_when == "FIRST_COMPLETED":
                break
            if return_when == "FIRST_EXCEPTION" and not future.cancelled() and future.exception():
                break
    except TimeoutError:
        pass  # what is done is done
    finally:
        await iterator.aclose()
    for future in list(pending):
        if future.done():
            done.add(future)
            pending.discard(future)
    return done, pending


async def as_completed(
    fs: Iterable[Future[T] | Job[T]],
    *,
    timeout: float | None = None,  # noqa: ASYNC109 - the name that asyncio.as_completed has
) -> AsyncGenerator[Future[T], None]:
    """Give the futures of any jobs in the order in which their calls end.

    Raises:
        TimeoutError: `timeout` seconds have passed and some have not ended.
        UsageError: something else than futures and jobs was given.
    """
    loop = asyncio.get_running_loop()
    futures = _futures(fs)
    ended: collections.deque[Future[T]] = collections.deque()
    news = asyncio.Event()

    def note(future: Future[T]) -> None:
        ended.append(future)
        news.set()

    for future in futures:
        future.add_done_callback(note)
    deadline = None if timeout is None else loop.time() + timeout
    for _ in futures:
        while not ended:
            news.clear()
            async with asyncio.timeout_at(deadline):
                await news.wait()
        yield ended.popleft()


async def gather(*fs: Future[Any] | Job[Any], return_exceptions: bool = False) -> list[Any]:
    """Return the results of futures and jobs, in the order given; a job gives a list.

    Args:
        fs: what to wait for.
        return_exceptions: put errors in the place of results instead of raising the first.

    Raises:
        Exception: the first error, as soon as it is known; the other calls go on.
        UsageError: something else than futures and jobs was given.
    """
    for item in fs:
        if not isinstance(item, (Future, Job)):
            raise UsageError(f"a Future or a Job is needed, not {type(item).__name__}")

    async def result(item: Future[Any] | Job[Any]) -> Any:
        if isinstance(item, Job):
            return await item.results(return_exceptions=return_exceptions)
        return await item

    return await asyncio.gather(*map(result, fs), return_exceptions=return_exceptions)
