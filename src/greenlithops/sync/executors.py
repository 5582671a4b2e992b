"""FunctionExecutor: Lithops' face of the executor. What it does is done on the background loop."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
# ruff: noqa: PLR0917 - the parameters are Lithops', also where they mean nothing here
import itertools
import time
import weakref
from functools import partial
from typing import TYPE_CHECKING, Any, Self

from greenlithops.config import inherited
from greenlithops.config.settings import megabytes
from greenlithops.dispatch.modules import choose_modules
from greenlithops.dispatch.options import checked_counts
from greenlithops.dispatch.partition import cut
from greenlithops.errors import ForkedError
from greenlithops.executor import AsyncExecutor
from greenlithops.sync.config import handing_down, of_functions, settings, storage_choice
from greenlithops.sync.constants import ALWAYS
from greenlithops.sync.elsewhere import calls_of
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.futures_list import FuturesList, futures_list
from greenlithops.sync.hosted import Hosted
from greenlithops.sync.logs import set_up_logging
from greenlithops.sync.loop import background
from greenlithops.sync.place import in_worker, new_executor_id
from greenlithops.sync.reading import Reading
from greenlithops.sync.record import JobRecord
from greenlithops.sync.reserved import connected
from greenlithops.sync.submission import Submission, elements
from greenlithops.sync.telemetry import telemetry_of, tell_of_job

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from greenlithops.dispatch.modules import ModuleChoice
    from greenlithops.sync.chain import Call

_DEFAULT: list[str] = []  #: the default of include_modules and exclude_modules


class FunctionExecutor(Reading):
    """Runs functions on workers, with the names, arguments and results of Lithops.

    Used in ``with``, it waits at the end for what was submitted. It works without, too: it is
    opened by its first call, and closed with the program, or when nothing refers to it any more.

    Args:
        mode: the kind of backend, if none is named: ``"localhost"``.
        config: a configuration: a dictionary of sections, instead of a file.
        config_file: the path of a configuration, instead of those that are looked for.
        backend: where functions run.
        storage: where objects are.
        monitoring: accepted and not needed.
        log_level: the level of the logger ``greenlithops``; None silences it.
        **kwargs: keys of the backend's section, and options of `AsyncExecutor`.

    Raises:
        ConfigurationError: something is not known, or not possible.
        FileNotFoundError: the configuration file is not there.
    """

    def __init__(
        self,
        mode: str | None = None,
        config: Mapping[str, Any] | None = None,
        config_file: str | None = None,
        backend: str | None = None,
        storage: str | None = None,
        monitoring: str | None = None,
        log_level: str | bool | None = False,
        **kwargs: Any,
    ) -> None:
        super().__init__()
        found = settings(mode, config, config_file, backend, storage, monitoring, kwargs)
        self.executor_id = new_executor_id()
        self.config = found.config
        self.backend, self.mode = found.backend, found.mode
        self.is_lithops_worker = in_worker()
        self.total_jobs = 0
        self._numbers = itertools.count()
        self.data_cleaner = found.data_cleaner
        self.log_path: str | None = None
        self._memory = found.runtime_memory
        self._log_calls = found.log.calls
        self._modules = (found.include_modules, found.exclude_modules)
        given = config or config_file or inherited.sections or storage not in {None, "localhost"}
        given = given or any(value is not None for value in kwargs.values())
        self._options = handing_down(found) if given else found.options
        self._storage = storage_choice(found)
        self._telemetry = telemetry_of(found)
        self._durable = bool(found.config[found.backend].get("durable"))
        self._hosts: dict[int | None, Hosted] = {}
        self._hosted(self._memory)
        set_up_logging(found.log, log_level)

    def _hosted(self, memory: int | None) -> Hosted:
        """Return what runs calls of so much memory: workers of their own."""
        host = self._hosts.get(memory)
        if host is None:
            options = self._engine_options(memory)
            # Another thread may have been faster; what is not opened needs no end.
            executor = AsyncExecutor(**options)
            host = self._hosts.setdefault(memory, Hosted(executor))
            weakref.finalize(self, host.let_go).atexit = False
        return host

    def _engine_options(self, memory: int | None) -> dict[str, Any]:
        """Return the arguments of an `AsyncExecutor` whose workers have so much memory."""
        options = {"backend": self.backend, "storage": self._storage, **self._options}
        if self._telemetry is not None:
            options["hooks"] = [*options.get("hooks", ()), self._telemetry.hook(memory)]
        if of_functions(self.backend):  # each memory has a function of its own
            asked = {"runtime_memory": memory} if memory is not None else {}
            return {**options, "backend_options": {**options.get("backend_options", {}), **asked}}
        return options if memory is None else {**options, "max_memory": megabytes(memory)}

    # Work.

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
        return futures_list(self._submitted("map", work), self)

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
        return futures_list([*mapped, *self._submitted("map_reduce", reduction)], self)

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
        return futures_list(self._taken("map", record), self)

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

    # Its end.

    def __enter__(self) -> Self:
        self._check_process()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for host in self._hosts.values():
            background().call(_close, host, kind is not None)
        if self._telemetry is not None:
            self._telemetry.flush()

    def _check_process(self) -> None:
        for host in self._hosts.values():
            if not host.closed:
                host.check()
            elif host.foreign:
                raise ForkedError

    def __repr__(self) -> str:
        state = "closed" if all(host.closed for host in self._hosts.values()) else "open"
        return (
            f"<{type(self).__name__} {self.executor_id} {self.backend} {state} "
            f"{len(self.futures)} futures>"
        )


async def _close(host: Hosted, kill: bool) -> None:
    await host.close(kill=kill)
