"""`wait` and `get_result` over futures of any executors: Lithops' module functions."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: PLR0917 - the parameters are Lithops'
import math
from functools import partial
from typing import TYPE_CHECKING, Any

from greenlithops.errors import UsageError
from greenlithops.models import CallState
from greenlithops.sync.constants import ALL_COMPLETED, ALWAYS, ANY_COMPLETED
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.futures_list import FuturesList, futures_list
from greenlithops.sync.loop import background
from greenlithops.sync.progress import progress_bar
from greenlithops.sync.settle import settle

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from greenlithops.sync.executors import FunctionExecutor


def as_list(fs: ResponseFuture | Iterable[ResponseFuture]) -> list[ResponseFuture]:
    """Return one future, or several, as a list.

    Raises:
        UsageError: something among them is not a future of this face.
    """
    found = [fs] if isinstance(fs, ResponseFuture) else list(fs)
    for item in found:
        if not isinstance(item, ResponseFuture):
            raise UsageError(f"a ResponseFuture is needed, not {type(item).__name__}")
    return found


def wanted_count(return_when: float, size: int) -> int:
    """Return how many of `size` calls have to end.

    Raises:
        UsageError: `return_when` is not a percentage, nor ANY_COMPLETED.
    """
    if return_when == ANY_COMPLETED:
        return min(1, size)
    if not ALWAYS <= return_when <= ALL_COMPLETED:
        raise UsageError(f"return_when is a percentage or ANY_COMPLETED, not {return_when!r}")
    return math.ceil(size * return_when / 100)


def block(
    futures: Sequence[ResponseFuture],
    *,
    throw_except: bool,
    return_when: float = ALL_COMPLETED,
    timeout: float | None = None,
    show_progressbar: bool = True,
) -> tuple[BaseException | None, bool]:
    """Wait until as many calls have ended as `return_when` says.

    Returns:
        An error to raise, and whether the wait ended in time.
    """
    wanted = wanted_count(return_when, len(futures))
    calls = [future._call for future in futures]
    in_time = True
    if sum(call.done() for call in calls) < wanted:
        for future in futures:
            future._check_process()
        with progress_bar(wanted, wanted=show_progressbar) as tell:
            in_time = background().call(
                partial(settle, calls, wanted, timeout, tell, or_error=throw_except)
            )
    error = None
    for future in futures:
        if future._call.done():
            future._note()
            if throw_except and error is None and future.error and not future._read:
                error = future._failure()
    if error is not None:
        return error, True
    if not in_time:
        text = f"Timeout of {timeout} seconds exceeded waiting for function activations to finish"
        return TimeoutError(text), False
    return None, True


def partition(
    futures: Iterable[ResponseFuture], executor: FunctionExecutor | None = None
) -> tuple[FuturesList, FuturesList]:
    """Return the futures of calls that have ended, and the others."""
    done: list[ResponseFuture] = []
    not_done: list[ResponseFuture] = []
    for future in futures:
        (done if future._call.done() else not_done).append(future)
    return futures_list(done, executor), futures_list(not_done, executor)


def outcomes(
    futures: Iterable[ResponseFuture], *, throw_except: bool
) -> tuple[list[Any], BaseException | None]:
    """Return the results of calls that have ended, and an error to raise.

    As in Lithops, a call that returned None has no result; one that returned futures has theirs;
    one that failed has None, if errors are not to be raised.
    """
    found: list[Any] = []
    for future in futures:
        call = future._call
        future._note()
        if call.state is not CallState.DONE:
            if throw_except:
                return found, future._failure()
            found.append(None)
            continue
        value = call.result()
        kind = type(value)
        if kind is ResponseFuture or kind is list or kind is FuturesList:
            inner = future._new_futures
            if inner is not None:
                values, error = outcomes(inner, throw_except=throw_except)
                if error is not None:
                    return found, error
                found += values
                continue
        if value is not None:
            found.append(value)
    return found, None


def wait(
    fs: ResponseFuture | Iterable[ResponseFuture],
    internal_storage: object = None,  # noqa: ARG001 - Lithops' parameter
    job_monitor: object = None,  # noqa: ARG001 - Lithops' parameter
    throw_except: bool = True,
    return_when: float = ALL_COMPLETED,
    download_results: bool = False,  # noqa: ARG001 - results come with the end of the call
    timeout: float | None = None,
    threadpool_size: int = 64,  # noqa: ARG001 - no threads are needed
    wait_dur_sec: float | None = None,  # noqa: ARG001 - nothing is polled
    show_progressbar: bool = True,
    futures_from_executor_wait: bool = False,  # noqa: ARG001 - Lithops' parameter
) -> tuple[FuturesList, FuturesList]:
    """Wait for calls of any executors; return the futures of those that ended, and the others.

    Raises:
        TimeoutError: the time is up; the calls go on.
        Exception: the first error of a call, unless `throw_except` is false.
    """
    futures = as_list(fs)
    error, _ = block(
        futures,
        throw_except=throw_except,
        return_when=return_when,
        timeout=timeout,
        show_progressbar=show_progressbar,
    )
    if error is not None:
        raise error.with_traceback(None)
    return partition(futures)


def get_result(
    fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
    internal_storage: object = None,  # noqa: ARG001 - Lithops' parameter
    throw_except: bool = True,
    timeout: float | None = None,
    threadpool_size: int = 64,  # noqa: ARG001 - no threads are needed
    wait_dur_sec: float | None = None,  # noqa: ARG001 - nothing is polled
    show_progressbar: bool = True,
) -> list[Any]:
    """Return the results of calls of any executors, always as a list; see `wait`."""
    futures = as_list(fs or ())
    error, _ = block(
        futures, throw_except=throw_except, timeout=timeout, show_progressbar=show_progressbar
    )
    values: list[Any] = []
    if error is None:
        values, error = outcomes(
            [future for future in futures if future._produce_output], throw_except=throw_except
        )
    if error is not None:
        raise error.with_traceback(None)
    return values
