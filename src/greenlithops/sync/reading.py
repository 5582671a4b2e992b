"""The reading half of FunctionExecutor: waiting for calls, and their results."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: ARG002, PLR0917 - the parameters are Lithops', also where they mean nothing here
from typing import TYPE_CHECKING, Any, cast

from greenlithops.sync.constants import ALL_COMPLETED
from greenlithops.sync.loop import background
from greenlithops.sync.settle import cancel
from greenlithops.sync.waits import as_list, block, outcomes, partition

if TYPE_CHECKING:
    from collections.abc import Iterable

    from greenlithops.sync.executors import FunctionExecutor
    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.futures_list import FuturesList


class Reading:
    """What an executor knows of its calls.

    Attributes:
        futures: those of all calls, until `clean` forgets them.
        last_call: the name of the method that was called last to make calls.
    """

    def __init__(self) -> None:
        self.futures: list[ResponseFuture] = []
        self.last_call: str | None = None
        self.cleaned_jobs: set[str] = set()

    if TYPE_CHECKING:  # the executor has it

        def _check_process(self) -> None: ...

    def wait(
        self,
        fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
        throw_except: bool = True,
        return_when: float = ALL_COMPLETED,
        download_results: bool = False,
        timeout: float | None = None,
        threadpool_size: int = 64,
        wait_dur_sec: float | None = None,
        show_progressbar: bool = True,
    ) -> tuple[FuturesList, FuturesList]:
        """Wait for calls; return the futures of those that ended, and the others.

        Raises:
            TimeoutError: the time is up; the calls go on.
            Exception: the first error of a call, unless `throw_except` is false; the other
                calls waited for are cancelled, as in Lithops.
        """
        futures = self._awaited(fs)
        error = self._block(futures, throw_except, return_when, timeout, show_progressbar)
        if error is not None:
            raise error.with_traceback(None)
        return partition(futures, cast("FunctionExecutor", self))

    def get_result(
        self,
        fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
        throw_except: bool = True,
        timeout: float | None = None,
        threadpool_size: int = 64,
        wait_dur_sec: float | None = None,
        show_progressbar: bool = True,
    ) -> Any:
        """Wait for calls and return their results; without `fs`, those not returned before.

        As in Lithops, a single result is not in a list unless the last call was `map`, and a
        call that returned None has no result.

        Raises:
            TimeoutError: the time is up; the calls go on.
            Exception: the first error of a call, unless `throw_except` is false.
        """
        futures = self._awaited(fs)
        error = self._block(futures, throw_except, ALL_COMPLETED, timeout, show_progressbar)
        values: list[Any] = []
        if error is None:
            wanted = [f for f in futures if f._produce_output and (fs is not None or not f._read)]
            values, error = outcomes(wanted, throw_except=throw_except)
        if error is not None:
            raise error.with_traceback(None)
        if fs is None:
            for future in wanted:
                future._read = True
        return values[0] if len(values) == 1 and self.last_call != "map" else values

    def _awaited(self, fs: Any) -> list[ResponseFuture]:
        self._check_process()
        return list(self.futures) if fs is None else as_list(fs)

    def _block(
        self,
        futures: list[ResponseFuture],
        throw_except: bool,
        return_when: float,
        timeout: float | None,
        show_progressbar: bool,
    ) -> BaseException | None:
        try:
            error, in_time = block(
                futures,
                throw_except=throw_except,
                return_when=return_when,
                timeout=timeout,
                show_progressbar=show_progressbar,
            )
        except BaseException:
            for future in futures:
                future._read = True
            raise
        if error is not None and in_time:
            background().call(cancel, [future._call for future in futures])
            for future in futures:
                future._read = True
        return error

    def clean(
        self,
        fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
        cs: Iterable[Any] | None = None,
        clean_cloudobjects: bool = True,
        clean_fn: bool = False,
        force: bool = False,
        on_exit: bool = False,
    ) -> None:
        """Forget the futures of calls whose results were read; with `force`, stop all others."""
        futures = self._awaited(fs)
        if force:
            background().call(cancel, [future._call for future in futures])
        unwanted = {id(f) for f in futures if f.done and (force or f._read)}
        self.cleaned_jobs |= {f.job_key for f in futures if id(f) in unwanted}
        self.futures[:] = [f for f in self.futures if id(f) not in unwanted]
