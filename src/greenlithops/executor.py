"""AsyncExecutor: functions run on workers, awaited like anything else."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Self, TypeVar

from greenlithops.dispatch import plan
from greenlithops.dispatch.inputs import as_input, pump
from greenlithops.dispatch.modules import OWN, ModuleChoice
from greenlithops.dispatch.options import (
    Options,
    byte_count,
    checked_counts,
    checked_hooks,
    checked_timeout,
    environment_items,
)
from greenlithops.dispatch.partition import cut
from greenlithops.dispatch.retry import RetryPolicy, as_policy
from greenlithops.dispatch.spending import joules
from greenlithops.errors import ExecutorClosed, ForkedError, OtherLoop, UsageError
from greenlithops.job import Future, Job
from greenlithops.models import WorkerOptions
from greenlithops.monitoring.channel import as_place
from greenlithops.monitoring.shared import SharedChannel, SupportsNews
from greenlithops.protocols import SupportsDepot
from greenlithops.reduction import Reduction
from greenlithops.registry import compute_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from greenlithops.dispatch.engine import Engine
    from greenlithops.dispatch.partition import Cut
    from greenlithops.energy.records import EnergyReport
    from greenlithops.monitoring.channel import Place
    from greenlithops.protocols import Hook, SupportsInvocations, SupportsWorkers
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.storage.mapping.objects_map import ObjectMap
    from greenlithops.storage.mapping.storages import Storages

P = ParamSpec("P")
T = TypeVar("T")

_counter = itertools.count()
_session = os.urandom(3).hex()


class AsyncExecutor:
    """Runs functions on workers, from asyncio.

    Use it in ``async with``. Left normally, it waits for everything that was submitted; left by
    an exception or a cancellation, it cancels it, down to the workers.

    Args:
        backend: where calls run: ``"localhost"`` (processes on this machine), ``"inline"`` (this
            process, for tests and debugging), a name that another package provides, or a
            backend object.
        storage: where the objects of a map over objects are, unless they are named with a
            scheme: the name of a storage, an `AsyncStorage`, or a function that makes a storage
            of a name when it is needed (of ``""``, this one). None: ``"localhost"``.
        backend_options: the keyword arguments of a backend that is named, such as its endpoint.
        max_workers: how many workers at most; by default the number of CPUs that this process
            may use. Workers are started as they are needed. Where
            calls are invoked, how many invocations at a time; by default what the service takes.
        worker_concurrency: how many ``async def`` calls one worker runs at a time. Other
            functions run one at a time in each worker.
        max_memory: memory that a worker may allocate, in bytes or as ``"512 MiB"``; a call that
            needs more raises `OutOfMemory`. None: no limit.
        max_calls_per_worker: replace a worker after so many calls. None: never.
        chunksize: how many calls go in one invocation, where calls are invoked (``"http"``).
        initializer: a function that every worker runs before its first call.
        initargs: its arguments.
        timeout: seconds that a call may run unless its job says otherwise. None: no limit.
        retries: extra attempts for failed calls, or a `RetryPolicy`. None: no retries.
        extra_env: environment variables around every call.
        log_bytes: how much of what a call prints is kept: its first and its last half of this.
        energy: the meter: ``"auto"`` for the best that there is, its name, or ``"off"``.
        energy_budget: joules that all calls may use together, or a text such as ``"2 kJ"``; then
            jobs are stopped, as by the `energy_budget` of a `map`. None: no limit.
        energy_log: a file that what calls cost is appended to when their job has ended; see
            `greenlithops.energy.EnergyLog`.
        monitoring: a push channel by which durable jobs tell who is attached to them that calls
            have ended: its name and options, such as ``{"name": "redis", "host": "10.0.0.7"}``.
            None: who is attached looks at the storage, up to every two seconds. Services that reply
            through the storage tell of their replies by it, too.
        hooks: functions that are told every `Event`, in a thread of their own.

    Raises:
        UsageError: an option is out of its range.
    """

    def __init__(
        self,
        backend: str | SupportsWorkers | SupportsInvocations = "localhost",
        *,
        backend_options: Mapping[str, Any] | None = None,
        storage: str | AsyncStorage | Callable[[str], AsyncStorage] | None = None,
        max_workers: int | None = None,
        worker_concurrency: int = 100,
        max_memory: int | str | None = None,
        max_calls_per_worker: int | None = None,
        chunksize: int = 1,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        timeout: float | None = None,
        retries: RetryPolicy | int | None = None,
        extra_env: Mapping[str, object] | None = None,
        log_bytes: int = 1 << 20,
        energy: str = "auto",
        energy_budget: float | str | None = None,
        energy_log: str | os.PathLike[str] | None = None,
        monitoring: str | Mapping[str, Any] | Place | None = None,
        hooks: Sequence[Hook] = (),
    ) -> None:
        self.id = f"{_session}-{next(_counter)}"
        self._backend = backend
        self._max_workers = max_workers
        self._backend_options = dict(backend_options or {})
        checked_counts(
            max_workers=max_workers,
            chunksize=chunksize,
            worker_concurrency=worker_concurrency,
            max_calls_per_worker=max_calls_per_worker,
            log_bytes=log_bytes,
        )
        if initializer is not None and not callable(initializer):
            raise UsageError(f"initializer must be callable, not {type(initializer).__name__}")
        if not isinstance(energy, str):
            raise UsageError(f"energy must be the name of a meter, 'auto' or 'off', not {energy!r}")
        if not isinstance(backend, str) and not hasattr(backend, "limits"):
            raise UsageError(f"backend must be a name or a backend, not {backend!r}")
        named = storage is None or isinstance(storage, str) or callable(storage)
        if not named and not hasattr(storage, "head_bucket"):
            raise UsageError(f"storage must be a name or an AsyncStorage, not {storage!r}")
        if not isinstance(initargs, (tuple, list)):
            raise UsageError(f"initargs must be a tuple of arguments, not {initargs!r}")
        self._initializer = (initializer, tuple(initargs)) if initializer else None
        self._worker_options = WorkerOptions(
            concurrency=worker_concurrency,
            max_memory=None if max_memory is None else byte_count(max_memory),
            max_calls=max_calls_per_worker,
            log_bytes=log_bytes,
            chunksize=chunksize,
        )
        self._defaults = Options(
            checked_timeout(timeout), as_policy(retries), environment_items(extra_env)
        )
        self._storage = storage
        self._storages: Storages | None = None
        self._energy_choice = energy
        self._energy_budget = joules(energy_budget)
        self._energy_log = energy_log
        self._hooks = checked_hooks(hooks)
        self._monitoring = as_place(monitoring)
        self._news: SharedChannel
        self._pid = os.getpid()
        self._open = False
        self._engine: Engine | None = None

    async def __aenter__(self) -> Self:
        self._check_process()
        if self._open:
            raise ExecutorClosed("this executor is open already")
        if self._storages is not None and self._storages.closed:
            self._storages = None
        self._news = SharedChannel(self._monitoring)
        backend = self._backend
        if isinstance(backend, str):
            backend = await compute_backend(backend, self._backend_options)
        if self._storage is not None and isinstance(backend, SupportsDepot):
            backend.use(self.storage)
        if isinstance(backend, SupportsNews):
            backend.hear(self._news)
        async with AsyncExitStack() as opened:
            await opened.enter_async_context(backend)
            # A first worker starts while this is imported.
            from greenlithops.dispatch.engine import Engine  # noqa: PLC0415 - see above

            self._engine = await Engine.open(
                self.id,
                backend,
                self._worker_options,
                opened,
                max_workers=self._max_workers,
                initializer=self._initializer,
                energy=self._energy_choice,
                energy_budget=self._energy_budget,
                energy_log=self._energy_log,
                hooks=self._hooks,
            )
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        engine = self._running_engine()
        kill = kind is not None
        try:
            if not kill:
                await engine.drain()
        except BaseException:
            kill = True
            raise
        finally:
            self._open = False
            try:
                await engine.close(kill=kill)
            finally:
                await self._news.close()
                if self._storages is not None:
                    await self._storages.close()

    # Work.

    def submit(
        self, function: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run ``function(*args, **kwargs)`` on a worker; return its future at once.

        Raises:
            ExecutorClosed: the executor is not open.
            FunctionNotSerializable: the function cannot be pickled.
        """
        return Submitter(self, self._defaults).submit(function, *args, **kwargs)

    def options(
        self,
        *,
        timeout: float | None = None,
        retries: RetryPolicy | int | None = None,
        extra_env: Mapping[str, object] | None = None,
        live_logs: bool = False,
        modules: ModuleChoice = OWN,
    ) -> Submitter:
        """Return something to `submit` with, for calls with options of their own."""
        options = self._options(timeout, retries, extra_env, live_logs=live_logs, modules=modules)
        return Submitter(self, options)

    def map(
        self,
        function: Callable[..., Awaitable[T] | T],
        iterdata: Iterable[Any] | AsyncIterable[Any],
        *,
        extra_args: tuple[Any, ...] | Mapping[str, Any] | None = None,
        timeout: float | None = None,
        retries: RetryPolicy | int | None = None,
        extra_env: Mapping[str, object] | None = None,
        live_logs: bool = False,
        modules: ModuleChoice = OWN,
        buffer: int = 10_000,
        energy_budget: float | str | None = None,
        durable: bool = False,
        obj_chunk_size: int | str | None = None,
        obj_chunk_number: int | None = None,
        obj_newline: str | bytes | None = "\n",
    ) -> Job[T]:
        """Call `function` for every element of `iterdata`; return the job at once.

        A tuple is spread over the positional parameters, a dictionary names parameters, any
        other element is the one positional argument. A parameter called ``id`` gets the number
        of the call, one called ``storage`` a `Storage`, or an `AsyncStorage` in an ``async def``.

        A function with a parameter ``obj`` is mapped over objects: what an element has for it
        names them (a bucket, ``bucket/prefix/``, a key, a glob, each with or without
        ``scheme://``; a URL; an absolute path; a `CloudObject`), and the function gets a binary
        file, an `ObjectReader`, for each object or each part of one.

        Args:
            function: a function, coroutine function, or any other callable that can be pickled.
            iterdata: any iterable or asynchronous iterable. What has no length is taken as there
                is room for it: endless generators are fine while their results are consumed.
                Elements are pickled when it is their turn, so do not change them meanwhile.
            extra_args: more positional arguments for every call (a tuple), or, where elements
                are dictionaries, more named ones (a mapping).
            timeout: seconds that each call may run.
            retries: extra attempts for failed calls, or a `RetryPolicy`.
            extra_env: environment variables around each call.
            live_logs: send what calls print while they run.
            modules: which modules travel by value with the function; the user's own.
            buffer: how many calls of an input without length may be ahead of the consumer.
            energy_budget: joules that the calls may use, or a text such as ``"500 J"``. When those
                that ended, and those that run, come to that, nothing more is sent: what runs ends,
                what was not sent raises `EnergyBudgetExceeded`, and `Job.stopped` says why.
            durable: keep the job in the executor's storage, so that another process can `attach`
                to it by its id, also after this one died: to its progress and results, and to
                finish it. The whole input is taken at once. Workers that run a call when their
                client dies lose it; it is run again.
            obj_chunk_size: bytes of a part of an object, or a text such as ``"64 MiB"``.
            obj_chunk_number: parts of every object instead. With neither, objects are not cut.
            obj_newline: what ends a record. A record is never cut: it belongs to the part in
                which it begins. None: parts are exact ranges of bytes.

        Raises:
            ExecutorClosed: the executor is not open.
            FunctionNotSerializable: the function cannot be pickled.
            UsageError: `iterdata` is not iterable, or an option is out of its range.
        """
        options = replace(
            self._options(timeout, retries, extra_env, live_logs=live_logs, modules=modules),
            energy_budget=joules(energy_budget),
        )
        how = cut(obj_chunk_size, obj_chunk_number, obj_newline)
        objects = self._object_map(function, how, extra_args)
        return self._start(
            function, iterdata, objects, extra_args, options, buffer=buffer, durable=durable
        )

    def _start(
        self,
        function: Callable[..., Any],
        iterdata: Any,
        objects: ObjectMap | None,
        extra_args: plan.Extra,
        options: Options,
        *,
        buffer: int = 10_000,
        durable: bool = False,
    ) -> Job[Any]:
        """Start a map; `objects` if it is one over objects."""
        checked_counts(buffer=buffer or 0)
        bind = plan.binder(function)
        if objects is None:
            bind = plan.with_extra(bind, extra_args)
            function, elements = self._filled(function), iterdata
        else:
            function, elements = objects.function, objects.elements(iterdata)
        if durable:
            from greenlithops.durable import jobs  # noqa: PLC0415 - only if needed

            as_input(elements)  # tells what cannot be mapped over
            engine = self._running_engine()
            kept = jobs.start(
                *(engine, self.storage, function, elements),
                bind=bind,
                options=options,
                news=self._news,
            )
            return Job(kept)
        return self._begin(function, elements, bind, options, buffer)

    def _begin(
        self,
        function: Callable[..., Any],
        elements: Any,
        bind: plan.Binder,
        options: Options,
        buffer: int,
    ) -> Job[Any]:
        engine = self._running_engine()
        source = as_input(elements)
        tracker = engine.start(function, source, bind, options, buffer=buffer)
        if isinstance(elements, AsyncIterable):
            moving = pump(elements, source, engine.wake, lambda: tracker.calls_ended([]))
            task = engine.spawn(moving, f"input of {tracker.id}")
            source.closed = task.cancel
        return Job(tracker)

    def map_reduce(
        self,
        map_function: Callable[..., Any],
        iterdata: Iterable[Any] | AsyncIterable[Any],
        reduce_function: Callable[..., Awaitable[T] | T],
        *,
        extra_args: tuple[Any, ...] | Mapping[str, Any] | None = None,
        extra_args_reduce: tuple[Any, ...] | None = None,
        timeout: float | None = None,
        retries: RetryPolicy | int | None = None,
        extra_env: Mapping[str, object] | None = None,
        live_logs: bool = False,
        obj_chunk_size: int | str | None = None,
        obj_chunk_number: int | None = None,
        obj_newline: str | bytes | None = "\n",
        obj_reduce_by_key: bool = False,
    ) -> Reduction[T]:
        """Map, then call ``reduce_function(list of results)`` on a worker.

        Takes the arguments of `map`, and `extra_args_reduce`, more positional arguments for the
        reduce function. Await what it returns for the reduced value. With `obj_reduce_by_key`,
        the results of each object are reduced by themselves, as soon as its parts have ended,
        and the value is the list of the reduced values, in the order of the objects.
        """
        how = cut(obj_chunk_size, obj_chunk_number, obj_newline)
        objects = self._object_map(map_function, how, extra_args)
        if obj_reduce_by_key and objects is None:
            raise UsageError("obj_reduce_by_key is for functions with a parameter 'obj'")
        options = self._options(timeout, retries, extra_env, live_logs=live_logs)
        job = self._start(map_function, iterdata, objects, extra_args, options)
        reducer = self._filled(reduce_function)
        submit = Submitter(self, options).submit
        extra = tuple(extra_args_reduce or ())

        def reduce(results: list[Any]) -> Future[Any]:
            return submit(reducer, results, *extra)

        reduction: Reduction[T] = Reduction(job)
        parts = objects.parts if objects is not None and obj_reduce_by_key else None
        work = reduction.run(reduce, parts)
        reduction.begin(self._running_engine().spawn(work, f"reduction of {job.id}"))
        return reduction

    async def attach(self, job_id: str) -> Job[Any]:
        """Return a durable job that another process started, with what is known of it.

        As long as its client lives, the job follows what that records, a second or two behind;
        when the client has died, this executor runs what is left. Every call has one result,
        whoever ran it.

        Args:
            job_id: `Job.id` in the process that started it.

        Raises:
            NoSuchJob: the executor's storage has none of this id.
            ProtocolError: it was started by somebody with another key.
        """
        from greenlithops.durable import jobs  # noqa: PLC0415 - only if needed

        engine = self._running_engine()
        return Job(await jobs.attach(engine, self.storage, job_id, self._news))

    @property
    def storage(self) -> AsyncStorage:
        """Where the objects of a map over objects are; open while the executor is."""
        return self._all_storages().own

    def _all_storages(self) -> Storages:
        if self._storages is None:
            from greenlithops.storage.mapping.storages import Storages  # noqa: PLC0415 - if needed

            self._storages = Storages(self._storage)
        return self._storages

    def _object_map(
        self, function: Callable[..., Any], how: Cut, extra: plan.Extra = None
    ) -> ObjectMap | None:
        """Return what a map over objects needs; None if the function is not about objects."""
        if plan.OBJECT not in plan.reserved(function):
            if how.size or how.number:
                raise UsageError(
                    "obj_chunk_size and obj_chunk_number are for functions with a parameter 'obj'"
                )
            return None
        from greenlithops.storage.mapping.objects_map import ObjectMap  # noqa: PLC0415 - if needed

        backend = self._backend if isinstance(self._backend, str) else self._backend.name
        storages = self._all_storages()
        return ObjectMap(function, how, storages, extra=extra, shared_memory=backend == "inline")

    def _filled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that gets its parameter ``storage`` in the worker, if it has one."""
        if plan.STORAGE not in plan.reserved(function):
            return function
        from greenlithops.storage.mapping.prepare import prepared  # noqa: PLC0415 - if needed

        return prepared(function, self.storage)

    # What is known.

    @property
    def jobs(self) -> list[Job[Any]]:
        """The jobs that have not ended."""
        if self._engine is None:
            return []
        self._engine.end_idle_groups()
        return [Job(tracker) for tracker in self._engine.trackers]

    @property
    def workers(self) -> list[str]:
        """The names of the workers that there are now."""
        return self._engine.workers if self._engine and self._open else []

    @property
    def energy(self) -> EnergyReport | None:
        """What all calls of this executor cost so far; None if energy is switched off."""
        if self._engine is None:
            return None
        self._engine.end_idle_groups()
        window = self._engine.energy
        return window.report() if window is not None else None

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self!r} lives in this process and cannot be pickled")

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        name = self._backend if isinstance(self._backend, str) else self._backend.name
        jobs = self._engine.busy_jobs if self._engine else 0
        return f"<AsyncExecutor {self.id} {name} {state} {jobs} jobs>"

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedError(
                "this executor belongs to the process that made it; a forked process must make "
                "its own"
            )

    def _running_engine(self) -> Engine:
        self._check_process()
        if self._engine is None or not self._open:
            raise ExecutorClosed("this executor is not open; use it in 'async with'")
        if asyncio.get_running_loop() is not self._engine.loop:
            raise OtherLoop
        return self._engine

    def _options(
        self,
        timeout: float | None,
        retries: RetryPolicy | int | None,
        extra_env: Mapping[str, object] | None,
        *,
        live_logs: bool,
        modules: ModuleChoice = OWN,
    ) -> Options:
        defaults = self._defaults
        own = dict(environment_items(extra_env))
        return Options(
            defaults.timeout if timeout is None else checked_timeout(timeout),
            defaults.policy if retries is None else as_policy(retries),
            tuple((dict(defaults.environment) | own).items()),
            live_logs,
            modules,
        )


class Submitter:
    """Submits calls with options of their own; made by `AsyncExecutor.options`."""

    def __init__(self, executor: AsyncExecutor, options: Options) -> None:
        self._executor = executor
        self._options = options

    def submit(
        self, function: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run ``function(*args, **kwargs)`` on a worker; return its future at once."""
        if not callable(function):
            raise UsageError(f"a function is needed, not {type(function).__name__}")
        engine = self._executor._running_engine()  # noqa: SLF001 - a part of the executor
        return Future(*engine.submit(function, args, kwargs, self._options))
