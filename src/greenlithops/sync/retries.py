"""RetryingFunctionExecutor: Lithops' face of retries. Calls are tried again at once, by itself."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: PLR0917 - the parameters are Lithops'
from typing import TYPE_CHECKING, Any, Self

from greenlithops.errors import UsageError
from greenlithops.sync.constants import ALL_COMPLETED, ANY_COMPLETED
from greenlithops.sync.executors import FunctionExecutor
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.submission import retries_of_map

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from greenlithops.sync.stats import Stats

_DEFAULT: list[str] = []  #: the default of include_modules and exclude_modules


class RetryingFuture:
    """A call that is tried again when it fails.

    Attributes:
        response_future: the call.
        map_function: its function.
        input: its element of the input; None where the input was split into parts.
        retries: how often it is tried again at most.
        map_kwargs: the other arguments of its `map`.
        failure_count: how often it has failed, as far as was noticed.
        cancelled: whether `cancel` was called.
    """

    def __init__(
        self,
        response_future: ResponseFuture,
        map_function: Callable[..., Any],
        input: Any,  # noqa: A002 - Lithops' parameter
        retries: int | None = None,
        **kwargs: Any,
    ) -> None:
        self.response_future = response_future
        self.map_function = map_function
        self.input = input
        self.retries = retries or 0
        self.map_kwargs = kwargs
        self.failure_count = 0
        self.cancelled = False
        self._failed_before = 0  #: in the calls that this one has taken the place of

    def cancel(self) -> None:
        """Stop the call, and try it no more."""
        self.cancelled = True
        if isinstance(self.response_future, ResponseFuture):
            self.response_future.cancel()

    def _count_failures(self) -> None:
        """Count what is known to have failed, once the call has ended."""
        made = 1  # the attempts that the executor has made by itself
        if isinstance(self.response_future, ResponseFuture):
            stats = self.response_future._call.stats
            made = max(made, stats.attempt) if stats is not None else made
        failed = self._failed_before + (made if self.error else made - 1)
        for _ in range(failed - self.failure_count):
            self._inc_failure_count()

    def _inc_failure_count(self) -> None:
        # Under this name for what stands on Lithops' futures and counts by itself.
        self.failure_count += 1

    def _should_retry(self) -> bool:
        return not self.cancelled and self.failure_count <= self.retries

    def _retry(self, executor: Any) -> None:
        self._failed_before = self.failure_count
        (self.response_future,) = executor.map(self.map_function, [self.input], **self.map_kwargs)

    @property
    def done(self) -> bool:
        """Whether the call has ended, and is not tried again."""
        return self.response_future.done

    @property
    def error(self) -> bool:
        """Whether the last attempt failed."""
        return self.response_future.error

    @property
    def _exception(self) -> Any:
        return self.response_future._exception

    @property
    def stats(self) -> Stats:
        """The statistics of the last attempt."""
        return self.response_future.stats

    def status(
        self,
        throw_except: bool = True,
        internal_storage: Any = None,
        check_only: bool = False,
    ) -> dict[str, Any] | None:
        """Wait for the call and return how it went; see `ResponseFuture.status`."""
        status = self.response_future.status(throw_except, internal_storage, check_only)
        self._raise_error()
        return status

    def result(self, throw_except: bool = True, internal_storage: Any = None) -> Any:
        """Wait for the call and return its result; see `ResponseFuture.result`.

        Raises:
            Exception: what the last attempt raised, as in Lithops whatever `throw_except` says.
        """
        value = self.response_future.result(throw_except, internal_storage)
        self._raise_error()
        return value

    def _raise_error(self) -> None:
        if self.error:
            raise self._exception[1].with_traceback(None)

    def __repr__(self) -> str:
        return f"<RetryingFuture {self.response_future!r}>"


class RetryingFunctionExecutor:
    """Runs functions with an executor, and failed calls again.

    Calls are tried again as soon as they fail, with growing delays, whether somebody waits or
    not. `wait` raises an error when the attempts are used up. With another executor than a
    `FunctionExecutor`, which cannot do that, calls are tried again while somebody waits.

    Args:
        executor: runs the calls: a `FunctionExecutor`, or what has its `map` and `wait`.
    """

    def __init__(self, executor: FunctionExecutor) -> None:
        self.executor = executor
        self.config = executor.config

    def __enter__(self) -> Self:
        self.executor.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.executor.__exit__(kind, error, trace)

    def _retries_to_use(self, retries: int | None) -> int:
        if retries is None:
            retries = self.config.get("lithops", {}).get("retries") or 0
        if not isinstance(retries, int) or retries < 0:
            raise UsageError(f"retries must be a whole number of at least 0, not {retries!r}")
        return retries

    def map(
        self,
        map_function: Callable[..., Any],
        map_iterdata: Any,
        chunksize: int | None = None,
        extra_args: Any = None,
        extra_env: Mapping[str, object] | None = None,
        runtime_memory: int | None = None,
        obj_chunk_size: int | None = None,
        obj_chunk_number: int | None = None,
        obj_newline: str | None = "\n",
        timeout: float | None = None,
        include_modules: list[str] | None = _DEFAULT,
        exclude_modules: list[str] | None = _DEFAULT,
        retries: int | None = None,
    ) -> list[RetryingFuture]:
        """Call a function for every element; see `FunctionExecutor.map`.

        `retries` is how many extra attempts failed calls get: by default ``lithops.retries`` of
        the configuration, or none.
        """
        retries = self._retries_to_use(retries)
        how = {
            "chunksize": chunksize,
            "extra_args": extra_args,
            "extra_env": extra_env,
            "runtime_memory": runtime_memory,
            "obj_chunk_size": obj_chunk_size,
            "obj_chunk_number": obj_chunk_number,
            "obj_newline": obj_newline,
            "timeout": timeout,
            "include_modules": include_modules,
            "exclude_modules": exclude_modules,
        }
        data = list(map_iterdata) if isinstance(map_iterdata, (range, set)) else map_iterdata
        token = retries_of_map.set(retries)
        try:
            futures = self.executor.map(map_function, data, **how)
        finally:
            retries_of_map.reset(token)
        paired = isinstance(data, list) and len(data) == len(futures)
        inputs = data if paired else [None] * len(futures)
        return [
            RetryingFuture(future, map_function, element, retries, **how)
            for future, element in zip(futures, inputs, strict=True)
        ]

    def wait(
        self,
        fs: Sequence[RetryingFuture],
        throw_except: bool | None = True,
        return_when: Any = ALL_COMPLETED,
        download_results: bool | None = False,
        timeout: int | None = None,
        threadpool_size: int | None = 64,
        wait_dur_sec: int | None = 1,
        show_progressbar: bool | None = True,
    ) -> tuple[list[RetryingFuture], list[RetryingFuture]]:
        """Wait for calls; return those that ended and are not tried again, and the others.

        Raises:
            TimeoutError: the time is up; the calls go on.
            Exception: the first call whose attempts are used up, unless `throw_except` is false.
        """
        own = isinstance(self.executor, FunctionExecutor)
        while True:
            ended, _ = self.executor.wait(
                [future.response_future for future in fs],
                throw_except=bool(throw_except) and own,
                return_when=return_when,
                download_results=bool(download_results),
                timeout=timeout,
                threadpool_size=threadpool_size or 1,
                wait_dur_sec=wait_dur_sec,
                show_progressbar=bool(show_progressbar),
            )
            over = set(map(id, ended))
            done: list[RetryingFuture] = []
            pending: list[RetryingFuture] = []
            for future in fs:
                is_over = id(future.response_future) in over and not self._tried_again(future)
                (done if is_over else pending).append(future)
            if throw_except:
                for future in done:
                    future._raise_error()
            enough = {ALL_COMPLETED: not pending, ANY_COMPLETED: bool(done)}
            if enough.get(return_when, True):
                return done, pending

    def _tried_again(self, future: RetryingFuture) -> bool:
        future._count_failures()
        if future.error and future._should_retry():
            future._retry(self.executor)
            return True
        return False

    def clean(
        self,
        fs: ResponseFuture | Iterable[ResponseFuture] | None = None,
        cs: Iterable[Any] | None = None,
        clean_cloudobjects: bool | None = True,
        clean_fn: bool | None = False,
        force: bool | None = False,
    ) -> None:
        """Forget what calls left; see `FunctionExecutor.clean`."""
        self.executor.clean(fs, cs, bool(clean_cloudobjects), bool(clean_fn), bool(force))
