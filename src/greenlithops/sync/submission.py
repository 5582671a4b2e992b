"""A job on its way to the loop: what Lithops' arguments mean, checked in the caller's thread."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.errors import UsageError
from greenlithops.job import Future
from greenlithops.sync.below import function_bytes
from greenlithops.sync.chain import Chain
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.settle import cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.executor import AsyncExecutor
    from greenlithops.sync.hosted import Hosted
    from greenlithops.sync.record import JobRecord


def elements(iterdata: Any) -> list[Any]:
    """Return what is mapped over, by Lithops' rule: a list, range or set; else one element."""
    if isinstance(iterdata, list):
        return iterdata
    if isinstance(iterdata, (range, set)):
        return list(iterdata)
    if isinstance(iterdata, tuple) and iterdata and isinstance(iterdata[0], ResponseFuture):
        return list(iterdata)
    return [iterdata]


def refuse_partitions(*choices: object) -> None:
    """Refuse arguments that split data into parts.

    Raises:
        UsageError: one of them is set.
    """
    if any(choices):
        raise UsageError(
            "obj_chunk_size, obj_chunk_number and obj_reduce_by_key are about data that is split "
            "into parts, which this version does not do; pass the parts as elements"
        )


@dataclass(slots=True, eq=False)
class Submission:
    """One job, before it is started and while it is."""

    record: JobRecord
    number: int
    function: Callable[..., Any]
    data: list[Any]
    extra_args: Any
    timeout: float | None
    extra_env: Mapping[str, object] | None
    mapped: Submission | None = None  #: the job whose results this one reduces
    single: bool = False  #: whether this is one call, whose data the caller may use again
    upstream: list[list[ResponseFuture]] | None = None  #: what each call waits for
    _bind: plan.Binder = plan.passed_on

    def check(self) -> None:
        """Check the function and its arguments, in the caller's thread.

        Raises:
            UsageError: they do not fit together.
        """
        extra = self.extra_args
        if isinstance(extra, list):
            extra = self.extra_args = tuple(extra)
        bind = plan.binder(self.function)
        self._bind = plan.with_extra(bind, extra)
        self.record.function_name = plan.describe(self.function).rpartition(".")[2]
        if self.mapped is not None:
            return
        futures = sum(isinstance(element, ResponseFuture) for element in self.data)
        if futures:
            self._chain(futures)
        else:
            self.data = list(self.data)
            for number, element in enumerate(self.data):
                self._bind(element, number)

    def _chain(self, futures: int) -> None:
        if futures != len(self.data):
            raise UsageError("futures of another job cannot be mixed with plain data")
        if self.extra_args:
            raise UsageError(
                "extra_args cannot be given with the futures of another job: the function gets "
                "the result of the call before, and nothing else"
            )
        self.upstream = [[future] for future in self.data]
        for future in self.data:
            future._produce_output = False

    # On the loop.

    def start(self, executor: AsyncExecutor, host: Hosted) -> None:
        """Start the calls, or have them started when others have ended."""
        start = time.perf_counter()
        if self.mapped is not None:
            chain = Chain(self._maker(executor, values=True), host.chains)
            self.record.calls = [chain.add(self.mapped.record.calls)]
        elif self.upstream is not None:
            chain = Chain(self._maker(executor, values=False), host.chains)
            self.record.calls = [chain.add([f._call for f in one]) for one in self.upstream]
        elif self.single:
            self.record.calls = [self._maker(executor, values=False)(self.data, 0)]
        else:
            job: Any = executor.map(
                self.function,
                self.data,
                extra_args=self.extra_args,
                timeout=self.timeout,
                extra_env=self.extra_env,
            )
            self.record.calls = [job[index] for index in range(len(self.data))]
        if self.record.calls and isinstance(self.record.calls[0], Future):
            self.record.function_bytes = function_bytes(self.record.calls[0])
        self.record.serialize_seconds = time.perf_counter() - start

    def _maker(
        self, executor: AsyncExecutor, *, values: bool
    ) -> Callable[[list[Any], int], Future[Any]]:
        """Return what makes a call of the results of others: of the list of them, or of one."""
        submitter = executor.options(timeout=self.timeout, extra_env=self.extra_env)

        def make(results: list[Any], number: int) -> Future[Any]:
            arguments = self._bind((results,) if values else results[0], number)
            if isinstance(arguments, tuple):
                return submitter.submit(self.function, *arguments)
            args, kwargs = arguments
            return submitter.submit(self.function, *args, **kwargs)

        return make

    def withdraw(self) -> None:
        """Cancel what was started for a caller who was interrupted."""
        cancel(self.record.calls)
