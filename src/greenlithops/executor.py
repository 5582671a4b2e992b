"""AsyncExecutor: functions run on workers, awaited like anything else."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import AsyncIterable
from typing import TYPE_CHECKING, Any, NoReturn, ParamSpec, Self, TypeVar

from greenlithops.dispatch import plan
from greenlithops.dispatch.engine import Engine
from greenlithops.dispatch.inputs import as_input, pump
from greenlithops.dispatch.options import (
    Options,
    byte_count,
    checked_counts,
    checked_hooks,
    checked_timeout,
    default_workers,
    environment_items,
)
from greenlithops.dispatch.retry import RetryPolicy, as_policy
from greenlithops.errors import ExecutorClosed, ForkedError, OtherLoop, UsageError
from greenlithops.job import Future, Job
from greenlithops.models import WorkerOptions
from greenlithops.reduction import Reduction
from greenlithops.registry import compute_backend

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
    from types import TracebackType

    from greenlithops.energy.records import EnergyReport
    from greenlithops.protocols import Hook, SupportsWorkers

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
        max_workers: how many workers at most; by default the number of CPUs that this process
            may use. Workers are started as they are needed.
        worker_concurrency: how many ``async def`` calls one worker runs at a time. Other
            functions run one at a time in each worker.
        max_memory: memory that a worker may allocate, in bytes or as ``"512 MiB"``; a call that
            needs more raises `OutOfMemory`. None: no limit.
        max_calls_per_worker: replace a worker after so many calls. None: never.
        initializer: a function that every worker runs before its first call.
        initargs: its arguments.
        timeout: seconds that a call may run unless its job says otherwise. None: no limit.
        retries: extra attempts for failed calls, or a `RetryPolicy`. None: no retries.
        extra_env: environment variables around every call.
        log_bytes: how much of what a call prints is kept: its first and its last half of this.
        energy: the meter: ``"auto"`` for the best that there is, its name, or ``"off"``.
        hooks: functions that are told every `Event`, in a thread of their own.

    Raises:
        UsageError: an option is out of its range.
    """

    def __init__(
        self,
        backend: str | SupportsWorkers = "localhost",
        *,
        max_workers: int | None = None,
        worker_concurrency: int = 100,
        max_memory: int | str | None = None,
        max_calls_per_worker: int | None = None,
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        timeout: float | None = None,
        retries: RetryPolicy | int | None = None,
        extra_env: Mapping[str, object] | None = None,
        log_bytes: int = 1 << 20,
        energy: str = "auto",
        hooks: Sequence[Hook] = (),
    ) -> None:
        self.id = f"{_session}-{next(_counter)}"
        self._backend = backend
        self._max_workers = default_workers() if max_workers is None else max_workers
        checked_counts(
            max_workers=self._max_workers,
            worker_concurrency=worker_concurrency,
            max_calls_per_worker=max_calls_per_worker,
            log_bytes=log_bytes,
        )
        if initializer is not None and not callable(initializer):
            raise UsageError(f"initializer must be callable, not {type(initializer).__name__}")
        if not isinstance(energy, str):
            raise UsageError(f"energy must be the name of a meter, 'auto' or 'off', not {energy!r}")
        if not isinstance(backend, str) and not hasattr(backend, "start_worker"):
            raise UsageError(f"backend must be a name or a backend, not {backend!r}")
        self._initializer = (initializer, initargs) if initializer else None
        self._worker_options = WorkerOptions(
            concurrency=worker_concurrency,
            max_memory=None if max_memory is None else byte_count(max_memory),
            max_calls=max_calls_per_worker,
            log_bytes=log_bytes,
        )
        self._defaults = Options(
            checked_timeout(timeout), as_policy(retries), environment_items(extra_env)
        )
        self._energy_choice = energy
        self._hooks = checked_hooks(hooks)
        self._pid = os.getpid()
        self._open = False
        self._engine: Engine | None = None

    async def __aenter__(self) -> Self:
        self._check_process()
        if self._open:
            raise ExecutorClosed("this executor is open already")
        backend = self._backend
        self._engine = await Engine.open(
            self.id,
            await compute_backend(backend) if isinstance(backend, str) else backend,
            self._worker_options,
            max_workers=self._max_workers,
            initializer=self._initializer,
            energy=self._energy_choice,
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
            await engine.close(kill=kill)

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
    ) -> Submitter:
        """Return something to `submit` with, for calls with options of their own."""
        return Submitter(self, self._options(timeout, retries, extra_env, live_logs=live_logs))

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
        buffer: int = 10_000,
    ) -> Job[T]:
        """Call `function` for every element of `iterdata`; return the job at once.

        A tuple is spread over the positional parameters, a dictionary names parameters, any
        other element is the one positional argument.

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
            buffer: how many calls of an input without length may be ahead of the consumer.

        Raises:
            ExecutorClosed: the executor is not open.
            FunctionNotSerializable: the function cannot be pickled.
            UsageError: `iterdata` is not iterable, or an option is out of its range.
        """
        checked_counts(buffer=buffer or 0)
        options = self._options(timeout, retries, extra_env, live_logs=live_logs)
        engine = self._running_engine()
        source = as_input(iterdata)
        bind = plan.with_extra(plan.binder(function), extra_args)
        tracker = engine.start(function, source, bind, options, buffer=buffer)
        if isinstance(iterdata, AsyncIterable):
            moving = pump(iterdata, source, engine.wake, lambda: tracker.calls_ended([]))
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
    ) -> Reduction[T]:
        """Map, then call ``reduce_function(list of results)`` on a worker.

        Takes the arguments of `map`, and `extra_args_reduce`, more positional arguments for the
        reduce function. Await what it returns for the reduced value.
        """
        options = self._options(timeout, retries, extra_env, live_logs=live_logs)
        job = self.map(
            map_function,
            iterdata,
            extra_args=extra_args,
            timeout=timeout,
            retries=retries,
            extra_env=extra_env,
            live_logs=live_logs,
        )

        async def reduce() -> T:
            results = await job
            arguments = (results, *(extra_args_reduce or ()))
            future: Future[T] = Submitter(self, options).submit(reduce_function, *arguments)
            reduction.reducer = future
            return await future

        task = self._running_engine().spawn(reduce(), f"reduction of {job.id}")
        reduction: Reduction[T] = Reduction(job, task)
        return reduction

    # What is known.

    @property
    def jobs(self) -> list[Job[Any]]:
        """The jobs that have not ended."""
        if self._engine is None:
            return []
        self._engine.close_idle_groups()
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
        self._engine.close_idle_groups()
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
    ) -> Options:
        defaults = self._defaults
        own = dict(environment_items(extra_env))
        return Options(
            defaults.timeout if timeout is None else checked_timeout(timeout),
            defaults.policy if retries is None else as_policy(retries),
            tuple((dict(defaults.environment) | own).items()),
            live_logs,
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
