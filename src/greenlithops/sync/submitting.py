"""The submitting half of FunctionExecutor: arguments become jobs, and jobs futures."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: PLR0917 - the parameters are Lithops', also where they mean nothing here
import time
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from greenlithops.dispatch.modules import choose_modules
from greenlithops.dispatch.options import checked_counts
from greenlithops.dispatch.partition import cut
from greenlithops.sync.constants import ALWAYS
from greenlithops.sync.elsewhere import calls_of
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.futures_list import FuturesList, futures_list
from greenlithops.sync.loop import background
from greenlithops.sync.reading import Reading
from greenlithops.sync.record import JobRecord
from greenlithops.sync.reserved import connected
from greenlithops.sync.submission import Submission, elements
from greenlithops.sync.telemetry import tell_of_job

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from greenlithops.dispatch.modules import ModuleChoice
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.sync.chain import Call
    from greenlithops.sync.executors import FunctionExecutor
    from greenlithops.sync.hosted import Hosted
    from greenlithops.telemetry.exporter import Telemetry

_DEFAULT: list[str] = []  #: the default of include_modules and exclude_modules


class Submitting(Reading):
    """What makes calls of an executor's arguments.

    Attributes:
        executor_id: ``"<6 hex>-<n>"``.
        backend: where functions run.
        total_jobs: how many jobs were made.
    """

    executor_id: str
    backend: str
    total_jobs: int

    if TYPE_CHECKING:  # the executor has them
        _numbers: Iterator[int]
        _memory: int | None
        _log_calls: bool
        _durable: bool
        _modules: tuple[tuple[str, ...] | None, tuple[str, ...]]
        _storage: Callable[[str], AsyncStorage]
        _telemetry: Telemetry | None

        def _hosted(self, memory: int | None) -> Hosted: ...

    def _whole(self) -> FunctionExecutor:
        return cast("FunctionExecutor", self)

    def call_async(
        self,
        func: Callable[..., Any],
        data: Any,
        extra_env: Mapping[str, object] | None = None,
        runtime_memory: int | None = None,
        timeout: float | None = None,
        include_modules: list[str] | None = _DEFAULT,
        exclude_modules: list[str] | None = _DEFAULT,
    ) -> ResponseFuture:
        """Run one call: a tuple is spread over the parameters, a dictionary names them."""
        modules = self._choice(include_modules, exclude_modules)
        work = self._submission("A", func, [data], runtime_memory, timeout, extra_env)
        work.single, work.modules = True, modules
        return self._submitted("call_async", work)[0]

    def map(
        self,
        map_function: Callable[..., Any],
        map_iterdata: Any,
        chunksize: int | None = None,
        extra_args: Any = None,
        extra_env: Mapping[str, object] | None = None,
        runtime_memory: int | None = None,
        obj_chunk_size: int | str | None = None,
        obj_chunk_number: int | None = None,
        obj_newline: str | bytes | None = "\n",
        timeout: float | None = None,
        include_modules: list[str] | None = _DEFAULT,
        exclude_modules: list[str] | None = _DEFAULT,
    ) -> FuturesList:
        """Call a function for every element of a list, range or set; see `AsyncExecutor.map`."""
        checked_counts(chunksize=chunksize)
        how = cut(obj_chunk_size, obj_chunk_number, obj_newline)
        data = elements(map_iterdata)
        work = self._submission(
            "M", map_function, data, runtime_memory, timeout, extra_env, extra_args
        )
        work.modules, work.how = self._choice(include_modules, exclude_modules), how
        work.durable = self._durable
        return futures_list(self._submitted("map", work), self._whole())

    def map_reduce(
        self,
        map_function: Callable[..., Any],
        map_iterdata: Any,
        reduce_function: Callable[..., Any],
        chunksize: int | None = None,
        extra_args: Any = None,
        extra_args_reduce: Any = None,
        extra_env: Mapping[str, object] | None = None,
        map_runtime_memory: int | None = None,
        reduce_runtime_memory: int | None = None,
        timeout: float | None = None,
        obj_chunk_size: int | str | None = None,
        obj_chunk_number: int | None = None,
        obj_newline: str | bytes | None = "\n",
        obj_reduce_by_key: bool = False,
        spawn_reducer: float = 20,
        include_modules: list[str] | None = _DEFAULT,
        exclude_modules: list[str] | None = _DEFAULT,
    ) -> FuturesList:
        """Map, then call ``reduce_function(list of results)``; see `AsyncExecutor.map_reduce`.

        Returns when `spawn_reducer` percent of the map's calls have ended, as in Lithops; the
        reducer takes up a worker only when all have.
        """
        checked_counts(chunksize=chunksize)
        how = cut(obj_chunk_size, obj_chunk_number, obj_newline)
        work = self._submission(
            "M",
            map_function,
            elements(map_iterdata),
            map_runtime_memory,
            timeout,
            extra_env,
            extra_args,
        )
        reduction = self._submission(
            "R",
            reduce_function,
            [],
            reduce_runtime_memory,
            timeout,
            extra_env,
            extra_args_reduce,
            mapped=work,
        )
        work.modules = reduction.modules = self._choice(include_modules, exclude_modules)
        work.how, reduction.by_key = how, obj_reduce_by_key
        mapped = self._submitted("map_reduce", work)
        for future in mapped:
            future._produce_output = False
        if spawn_reducer != ALWAYS:
            self.wait(mapped, return_when=spawn_reducer)
        return futures_list([*mapped, *self._submitted("map_reduce", reduction)], self._whole())

    def attach(self, job_id: str) -> FuturesList:
        """Return the futures of a durable job: one of an executor with ``durable=True``.

        The executor that began it may be another program's, which has died: then this executor
        runs what is left. Every call has one result, whoever ran it.

        Args:
            job_id: `ResponseFuture.durable_id`, or the id of a `Job`.

        Raises:
            NoSuchJob: the executor's storage has none of this id.
            ProtocolError: it was started by somebody with another key.
        """
        record = self._submission("M", self.attach, [], None, None, None).record
        name, record.calls = self.attach_calls(job_id)
        record.function_name, record.durable = name.rpartition(".")[2], job_id
        return futures_list(self._taken("map", record), self._whole())

    def attach_calls(self, job_id: str) -> tuple[str, list[Call]]:
        """Return the function's name and the calls of a durable job; see `attach`."""
        host = self._hosted(self._memory)
        host.check()
        name, calls = host.ask(calls_of, job_id)
        return name, [*calls]

    def _submission(
        self,
        letter: str,
        function: Callable[..., Any],
        data: list[Any],
        memory: int | None,
        timeout: float | None,
        extra_env: Mapping[str, object] | None,
        extra_args: Any = None,
        *,
        mapped: Submission | None = None,
    ) -> Submission:
        if mapped is not None:
            number = mapped.number
        else:
            number = next(self._numbers)  # threads may make jobs at the same time
            self.total_jobs = number + 1
        record = JobRecord(
            self.executor_id,
            f"{letter}{number:03d}",
            execution_timeout=timeout,
            runtime_memory=memory or self._memory,
            backend=self.backend,
            log_calls=self._log_calls,
        )
        connect = partial(connected, config=self.config, storage=self._storage)
        return Submission(
            record, number, function, data, extra_args, timeout, extra_env, connect, mapped
        )

    def _choice(self, include: list[str] | None, exclude: list[str] | None) -> ModuleChoice:
        """Return which modules travel: what the configuration says, and the arguments."""
        included, excluded = self._modules
        if include is None or (included is None and not include):
            return choose_modules(None)
        return choose_modules([*(included or ()), *include], [*excluded, *(exclude or ())])

    def _submitted(self, call: str, work: Submission) -> list[ResponseFuture]:
        """Start the calls; on Ctrl-C meanwhile, cancel those that were started."""
        host = self._hosted(work.record.runtime_memory)
        host.check()
        work.check()
        start = time.perf_counter()
        try:
            if work.over_objects:
                host.ask(work.find)
            host.ask(work.start, host)
        except BaseException:
            background().post(work.withdraw)
            raise
        work.record.creation_seconds = time.perf_counter() - start
        if self._telemetry is not None:
            tell_of_job(self._telemetry, work.record)
        return self._taken(call, work.record)

    def _taken(self, call: str, record: JobRecord) -> list[ResponseFuture]:
        """Return the futures of a job that has begun."""
        new = [ResponseFuture(record, number, one) for number, one in enumerate(record.calls)]
        self.last_call = call
        self.futures.extend(new)
        return new
