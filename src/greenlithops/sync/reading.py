"""The reading half of FunctionExecutor: waiting for calls, and their results."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: ARG002, PLR0917 - the parameters are Lithops', also where they mean nothing here
import logging
from typing import TYPE_CHECKING, Any, cast

from greenlithops.sync.constants import ALL_COMPLETED
from greenlithops.sync.keeping import delete_kept
from greenlithops.sync.loop import background
from greenlithops.sync.settle import cancel
from greenlithops.sync.waits import as_list, block, outcomes, partition

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable

    from greenlithops.sync.executors import FunctionExecutor
    from greenlithops.sync.futures import ResponseFuture
    from greenlithops.sync.futures_list import FuturesList
    from greenlithops.sync.storage import Storage

logger = logging.getLogger("greenlithops")


class Reading:
    """What an executor knows of its calls.

    Attributes:
        futures: those of all calls, until `clean` forgets them.
        last_call: the name of the method that was called last to make calls.
        cleaned_jobs: the jobs that `clean` has forgotten.
        log_path: the file that `job_summary` has written, or None.
    """

    def __init__(self) -> None:
        self.futures: list[ResponseFuture] = []
        self.last_call: str | None = None
        self.cleaned_jobs: set[str] = set()
        self.log_path: str | None = None
        self._own_storage: Storage | None = None

    if TYPE_CHECKING:  # the executor has them
        config: dict[str, dict[str, Any]]

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
        clean_jobs: bool | None = None,
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
        """Forget the futures of calls whose results were read; with `force`, stop all others.

        Args:
            fs: the futures; by default all of the executor.
            cs: `CloudObject`s to delete; then nothing else is done, unless `fs` is given.
            clean_cloudobjects: delete what calls that have ended put by their parameter
                ``storage``, without a key of its own.
            clean_fn: accepted; functions are kept nowhere.
            force: stop calls that have not ended, and forget those whose results nobody read.
            on_exit: accepted; cloud objects stay then.
        """
        objects = list(cs or ())
        if objects:
            self.storage.delete_cloudobjects(objects)
        if objects and fs is None and not force:
            return
        futures = self._awaited(fs)
        if force:
            background().call(cancel, [future._call for future in futures])
        if clean_cloudobjects and not on_exit:
            delete_kept(lambda: self.storage, futures)
        unwanted = {id(f) for f in futures if f.done and (force or f._read)}
        self.cleaned_jobs |= {f.job_key for f in futures if id(f) in unwanted}
        self.futures[:] = [f for f in self.futures if id(f) not in unwanted]

    # What is known.

    @property
    def storage(self) -> Storage:
        """The storage that the configuration names."""
        if self._own_storage is None:
            from greenlithops.sync.storage import Storage  # noqa: PLC0415 - only where it is used

            self._own_storage = Storage(config=self.config)
        return self._own_storage

    def plot(
        self,
        fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
        dst: str | os.PathLike[str] | None = None,
        figsize: tuple[float, float] = (10, 6),
    ) -> None:
        """Draw when calls ran, how many at once, and what they cost.

        Writes ``<dst>_timeline.png``, ``<dst>_histogram.png`` and, where energy is known,
        ``<dst>_energy.png``.

        Args:
            fs: calls; by default all of the executor. Those that failed are left out.
            dst: where to; by default the folder ``plots``, with the time in the names.
            figsize: inches.

        Raises:
            UsageError: no call has ended without an error.
            ModuleNotFoundError: matplotlib is not installed.
        """
        from greenlithops.sync import plots  # noqa: PLC0415 - only where it is used

        futures = self._awaited(fs)
        for create in (plots.create_timeline, plots.create_histogram, plots.create_energy):
            create(futures, dst, figsize)

    def job_summary(self, cloud_objects_n: int | None = 0) -> None:
        """Write what the jobs took and cost to the CSV file that `log_path` names then.

        The columns are Lithops', and ``Energy(J)``; a figure that is not known is empty. What
        runs on this machine is not billed, so its cost is 0.

        Args:
            cloud_objects_n: how many cloud objects there are, for the table.
        """
        from greenlithops.sync import summary  # noqa: PLC0415 - only where it is used

        lines = summary.job_lines(self._awaited(None))
        self.log_path = summary.write(lines, float(cloud_objects_n or 0), self.log_path)
        logger.info("the summary of the jobs is in %s", self.log_path)
