"""AsyncExecutor: functions run on workers, awaited like anything else."""

from __future__ import annotations

import asyncio
import itertools
import os
import secrets
import sys
import time
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, ParamSpec, Self, TypeVar

from greenlithops.dispatch import plan
from greenlithops.dispatch.batch import Batch, RemoteFunction
from greenlithops.dispatch.dispatcher import Dispatcher
from greenlithops.dispatch.images import ImageCache
from greenlithops.dispatch.inputs import as_input, pump
from greenlithops.dispatch.retry import RetryPolicy, as_policy
from greenlithops.dispatch.start import open_lanes
from greenlithops.dispatch.work import Input, Work
from greenlithops.errors import ExecutorClosed, ForkedError, UsageError
from greenlithops.job import Future, Job
from greenlithops.models import Event, EventKind, WorkerOptions
from greenlithops.options import (
    Options,
    byte_count,
    checked_timeout,
    default_workers,
    environment_items,
)
from greenlithops.reduction import Reduction
from greenlithops.registry import compute_backend

if TYPE_CHECKING:
    from types import TracebackType

    from greenlithops.dispatch.serialize import FunctionImage
    from greenlithops.energy.records import EnergyReport
    from greenlithops.energy.sampler import EnergySampler
    from greenlithops.energy.window import EnergyWindow
    from greenlithops.hooks import HookThread
    from greenlithops.protocols import Hook, SupportsInvoke, SupportsWorkers

P = ParamSpec("P")
T = TypeVar("T")

GROUP_SIZE = 1000  #: submitted calls that share a job, so that they travel together
KEPT_FUNCTIONS = 64  #: functions that workers remember although no job uses them

_counter = itertools.count()
_session = secrets.token_hex(3)


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
        backend: str | SupportsWorkers | SupportsInvoke = "localhost",
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
        self._backend_choice = backend
        self._max_workers = default_workers() if max_workers is None else max_workers
        for name, number in (
            ("max_workers", self._max_workers),
            ("worker_concurrency", worker_concurrency),
            ("max_calls_per_worker", max_calls_per_worker or 1),
            ("log_bytes", log_bytes),
        ):
            if number < 1:
                raise UsageError(f"{name} must be at least 1, not {number}")
        if initializer is not None and not callable(initializer):
            raise UsageError(f"initializer must be callable, not {type(initializer).__name__}")
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
        self._hooks = tuple(hooks)
        self._pid = os.getpid()
        self._open = False
        self._jobs: set[Job[Any]] = set()
        self._job_numbers = itertools.count()
        self._functions: dict[tuple[Any, ...], RemoteFunction] = {}
        self._groups: dict[tuple[Any, ...], Job[Any]] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._images = ImageCache()
        self._dispatcher: Dispatcher
        self._sampler: EnergySampler | None = None
        self._energy: EnergyWindow | None = None
        self._hook_thread: HookThread | None = None

    async def __aenter__(self) -> Self:
        if self._open:
            raise ExecutorClosed("this executor is open already")
        self._check_process()
        async with AsyncExitStack() as stack:
            backend = self._backend_choice
            if isinstance(backend, str):
                backend = compute_backend(backend)
            await stack.enter_async_context(backend)
            if self._energy_choice != "off":
                from greenlithops.energy.sampler import shared_sampler  # noqa: PLC0415 - if on

                sampler = shared_sampler(self._energy_choice)
                self._sampler = await stack.enter_async_context(sampler)
                self._energy = self._sampler.open_window(running=False)
                stack.callback(self._energy.close)
            if self._hooks:
                from greenlithops.hooks import HookThread  # noqa: PLC0415 - if there are any

                self._hook_thread = HookThread(self._hooks)
                stack.push_async_callback(self._hook_thread.close)
            self._dispatcher = Dispatcher(
                open_lanes(backend, self.id, self._worker_options, self._initializer),
                self,
                max_workers=min(self._max_workers, backend.limits.concurrency or 1 << 30),
                concurrency=self._worker_options.concurrency,
                max_calls=self._worker_options.max_calls,
            )
            self._stack = stack.pop_all()
        self._open = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        kill = kind is not None
        try:
            if not kill:
                await self._drain()
        except BaseException:
            kill = True
            raise
        finally:
            self._open = False
            await self._shut_down(kill=kill)

    async def _drain(self) -> None:
        while self._jobs or self._tasks:
            for job in list(self._jobs):
                job._leave()
                await job.wait()
            if self._tasks:
                await asyncio.wait(list(self._tasks))

    async def _shut_down(self, *, kill: bool) -> None:
        for task in self._tasks:
            task.cancel()
        for job in list(self._jobs):
            job.cancel()
        # From here on nothing waits for users' code, only for the end of processes.
        closing = asyncio.ensure_future(self._end(kill=kill))
        while not closing.done():
            try:
                await asyncio.shield(closing)
            except asyncio.CancelledError:
                if closing.cancelled():
                    break
                await asyncio.wait([closing])
                raise

    async def _end(self, *, kill: bool) -> None:
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._dispatcher.close(kill=kill)
        await self._stack.aclose()

    # Work.

    def submit(
        self, function: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run ``function(*args, **kwargs)`` on a worker; return its future at once.

        Raises:
            ExecutorClosed: the executor is not open.
            FunctionNotSerializable: the function cannot be pickled.
        """
        return self._submit(self._defaults, function, args, kwargs)

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
            extra_args: more positional arguments (a tuple) or named ones (a mapping) for every
                call.
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
        if buffer < 1:
            raise UsageError(f"buffer must be at least 1, not {buffer}")
        options = self._options(timeout, retries, extra_env, live_logs=live_logs)
        self._check_open()
        source = as_input(iterdata)
        bind = plan.with_extra(plan.binder(function), extra_args)
        job: Job[T] = self._start(function, source, bind, options, buffer=buffer)
        if isinstance(iterdata, AsyncIterable):
            moving = pump(iterdata, source, self._dispatcher.wake, lambda: job.calls_ended([]))
            task = asyncio.get_running_loop().create_task(moving, name=f"input of {job.id}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            source.closed = lambda: task.cancel() and None
        return job

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
            future: Future[T] = self._submit(options, reduce_function, arguments, {})
            reduction.reducer = future
            return await future

        task = asyncio.get_running_loop().create_task(reduce(), name=f"reduction of {job.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        reduction = Reduction(job, task)
        return reduction

    # What is known.

    @property
    def jobs(self) -> list[Job[Any]]:
        """The jobs that have not ended."""
        return list(self._jobs)

    @property
    def workers(self) -> list[str]:
        """The names of the workers that there are now."""
        return self._dispatcher.workers if self._open else []

    @property
    def energy(self) -> EnergyReport | None:
        """What all calls of this executor cost so far; None if energy is switched off."""
        return self._energy.report() if self._energy is not None else None

    def __repr__(self) -> str:
        state = "open" if self._open else "closed"
        choice = self._backend_choice
        name = choice if isinstance(choice, str) else choice.name
        return f"<AsyncExecutor {self.id} {name} {state} {len(self._jobs)} jobs>"

    # What the dispatcher tells.

    def worker_started(self, worker: str) -> None:
        """A worker has started."""
        self._emit(EventKind.WORKER_STARTED, worker)

    def worker_ended(self, worker: str) -> None:
        """A worker has ended."""
        self._emit(EventKind.WORKER_ENDED, worker)

    def _emit(self, kind: EventKind, worker: str) -> None:
        if self._hook_thread is not None:
            self._hook_thread.emit(Event(kind, time.time(), worker=worker))

    # Within.

    def _check_process(self) -> None:
        if os.getpid() != self._pid:
            raise ForkedError(
                "this executor belongs to the process that made it; a forked process must make "
                "its own"
            )

    def _check_open(self) -> None:
        self._check_process()
        if not self._open:
            raise ExecutorClosed("this executor is not open; use it in 'async with'")

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

    def _submit(
        self,
        options: Options,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Future[Any]:
        self._check_open()
        if not callable(function):
            raise UsageError(f"a function is needed, not {type(function).__name__}")
        self._dispatcher.warm()
        image = self._images.image(function)
        key = (image.digest, options, os.getcwd())
        group = self._groups.get(key)
        if group is None or not group._work.accepting(GROUP_SIZE):
            source = Input(None, None, lazy=False)
            group = self._start(function, source, plan.passed_on, options, image=image)
            group._on_idle = lambda: self._close_group(key, source)
            self._groups[key] = group
        return group._push(plan.call_arguments(args, kwargs))

    def _close_group(self, key: tuple[Any, ...], source: Input) -> None:
        """End the job of submitted calls when the last of them has ended."""
        source.end()
        group = self._groups.get(key)
        if group is not None and group._work.input is source:
            del self._groups[key]

    def _start(
        self,
        function: Callable[..., Any],
        source: Input,
        bind: plan.Binder,
        options: Options,
        *,
        buffer: int = 1,
        image: FunctionImage | None = None,
    ) -> Job[Any]:
        self._dispatcher.warm()
        remote = self._remote(function, image or self._images.image(function), options)
        window = None
        if self._sampler is not None:
            window = self._sampler.open_window(self._energy)
        job: Job[Any] = Job(
            f"{self.id}-{next(self._job_numbers)}",
            remote.image.name,
            buffer=buffer,
            on_finish=self._job_ended,
        )
        work = Work(
            remote,
            source,
            bind,
            options.policy,
            job,
            energy=window,
            max_memory=self._worker_options.max_memory,
        )
        remote.users += 1
        job._attach(work, self._stop_calls, self._hook_thread.emit if self._hook_thread else None)
        self._jobs.add(job)
        self._dispatcher.add(work)
        return job

    def _remote(
        self, function: Callable[..., Any], image: FunctionImage, options: Options
    ) -> RemoteFunction:
        directory, path = os.getcwd(), list(sys.path)
        wire = options.wire()
        key = (image.digest, wire, directory, tuple(path))
        remote = self._functions.get(key)
        if remote is None:
            remote = RemoteFunction(
                image, wire, is_async=plan.is_async(function), directory=directory, path=path
            )
            self._functions[key] = remote
            if len(self._functions) > KEPT_FUNCTIONS:
                for old, unused in list(self._functions.items()):
                    if not unused.users and unused is not remote:
                        del self._functions[old]
                        self._dispatcher.forget(unused)
                        break
        return remote

    def _job_ended(self, job: Job[Any]) -> None:
        work = job._work
        work.function.users -= 1
        self._jobs.discard(job)
        if work.energy is not None:
            work.energy.close()

    def _stop_calls(self, job: Job[Any], indices: set[int]) -> None:
        def cancelled(batch: Batch, position: int) -> bool:
            return batch.work is job._work and batch.indices[position] in indices

        if self._open:
            self._dispatcher.stop_calls(cancelled)


class Submitter:
    """Submits calls with options of their own; made by `AsyncExecutor.options`."""

    def __init__(self, executor: AsyncExecutor, options: Options) -> None:
        self._executor = executor
        self._options = options

    def submit(
        self, function: Callable[P, Awaitable[T] | T], /, *args: P.args, **kwargs: P.kwargs
    ) -> Future[T]:
        """Run ``function(*args, **kwargs)`` on a worker; return its future at once."""
        return self._executor._submit(self._options, function, args, kwargs)
