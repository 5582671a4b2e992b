"""The top-level `wait`: blocking for futures of the synchronous face, awaited for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from greenlithops import waiting
from greenlithops.job import Future, Job

if TYPE_CHECKING:
    from collections.abc import Coroutine, Generator, Iterable

    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.futures_list import FuturesList
    from greenlithops.waiting import ReturnWhen

T = TypeVar("T")


class _Nothing(tuple[list[Any], list[Any]]):
    """What waiting for nothing gives, in either face."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, tuple[set[Any], set[Any]]]:
        yield from ()
        return set(), set()


@overload
def wait(
    fs: ResponseFuture | Iterable[ResponseFuture],
    internal_storage: object = None,
    job_monitor: object = None,
    throw_except: bool = True,
    return_when: float = 100,
    download_results: bool = False,
    timeout: float | None = None,
    threadpool_size: int = 64,
    wait_dur_sec: float | None = None,
    show_progressbar: bool = True,
    futures_from_executor_wait: bool = False,
) -> tuple[FuturesList, FuturesList]: ...
@overload
def wait(
    fs: Future[T] | Job[T] | Iterable[Future[T] | Job[T]],
    *,
    timeout: float | None = None,
    return_when: ReturnWhen = "ALL_COMPLETED",
) -> Coroutine[Any, Any, tuple[set[Future[T]], set[Future[T]]]]: ...
def wait(fs: Any, *args: Any, **kwargs: Any) -> Any:
    """Wait for calls of any executors: those that ended, and the others.

    Given futures of `FunctionExecutor`, it blocks, with Lithops' arguments and result; given
    futures and jobs of `AsyncExecutor`, await what it returns.
    """
    if not isinstance(fs, (Future, Job)) and not hasattr(fs, "call_id"):
        fs = list(fs)
        if not fs:
            return _Nothing(([], []))
    first = fs[0] if isinstance(fs, list) else fs
    if isinstance(first, (Future, Job)):
        return waiting.wait(fs, *args, **kwargs)
    from greenlithops.sync import waits  # noqa: PLC0415 - only the synchronous face needs it

    return waits.wait(fs, *args, **kwargs)
