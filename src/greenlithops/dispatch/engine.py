"""What an open executor consists of: its backend, workers, meter, hooks and running jobs."""

from __future__ import annotations

import asyncio
import itertools
import sys
import time
import weakref
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.dispatch.batch import Batch, RemoteFunction
from greenlithops.dispatch.dispatcher import Dispatcher
from greenlithops.dispatch.groups import Groups
from greenlithops.dispatch.images import ImageCache
from greenlithops.dispatch.options import default_workers, working_directory
from greenlithops.dispatch.serialize import ClassBook
from greenlithops.dispatch.spending import Spending
from greenlithops.dispatch.start import open_lanes
from greenlithops.dispatch.tracker import Tracker
from greenlithops.dispatch.work import Work
from greenlithops.errors import UsageError
from greenlithops.models import Event, EventKind, WorkerOptions
from greenlithops.offload import to_the_end
from greenlithops.protocols import SupportsWorkers

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Coroutine, Mapping, Sequence
    from contextlib import AsyncExitStack

    from greenlithops.dispatch.energy_log import JobLog
    from greenlithops.dispatch.inputs import Input
    from greenlithops.dispatch.invoker import Invoker
    from greenlithops.dispatch.options import Options
    from greenlithops.dispatch.retry import RetryPolicy
    from greenlithops.dispatch.serialize import FunctionImage
    from greenlithops.energy.sampler import EnergySampler
    from greenlithops.energy.service import ServiceWindow
    from greenlithops.energy.window import EnergyWindow
    from greenlithops.hooks import HookThread
    from greenlithops.protocols import Hook, SupportsInvocations

MOST_INVOCATIONS = 1000  #: at a time, where neither the user nor the backend has a limit
KEPT_FUNCTIONS = 64  #: functions that workers remember although no job uses them

Initializer = tuple["Callable[..., object]", tuple[Any, ...]]


_open: weakref.WeakSet[Engine] = weakref.WeakSet()


def open_engines() -> list[Engine]:
    """Return the engines of this process that are open, in any thread."""
    return [engine for engine in list(_open) if not engine.loop.is_closed()]


class Engine:
    """Runs jobs until it is closed. Make one with `Engine.open`."""

    def __init__(self, engine_id: str, options: WorkerOptions) -> None:
        self.id = engine_id
        self.loop = asyncio.get_running_loop()
        self.trackers: set[Tracker] = set()
        self._metered: EnergyWindow | None = None
        self._estimated: ServiceWindow | None = None
        self._options = options
        self._numbers = itertools.count()
        self._functions: dict[tuple[Any, ...], RemoteFunction] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._images = ImageCache()
        self._groups = Groups(self.start, self._images)
        self._sampler: EnergySampler | None = None
        self._hooks: HookThread | None = None
        self._spending: Spending
        self._job_log: JobLog | None = None
        self._stack: AsyncExitStack
        self._dispatcher: Dispatcher | Invoker

    @classmethod
    async def open(
        cls,
        engine_id: str,
        backend: SupportsWorkers | SupportsInvocations,
        options: WorkerOptions,
        stack: AsyncExitStack,
        *,
        max_workers: int | None,
        initializer: Initializer | None,
        energy: str,
        hooks: Sequence[Hook],
        energy_budget: float | None = None,
        energy_log: str | os.PathLike[str] | None = None,
    ) -> Engine:
        """Open everything that jobs need, with a first worker; others start with calls.

        What has been opened for it, the backend first of all, is on `stack`, which it takes over.
        """
        engine = cls(engine_id, options)
        if hooks:
            from greenlithops.hooks import HookThread  # noqa: PLC0415 - if there are any

            engine._hooks = HookThread(hooks)
            stack.push_async_callback(engine._hooks.close)
        engine._dispatcher = engine._feeder(backend, max_workers, initializer)
        stack.push_async_callback(lambda: to_the_end(engine._dispatcher.close(kill=True)))
        # A worker takes longer to start than the meter to open, so it goes first.
        engine._dispatcher.warm()
        # What runs elsewhere does not use this machine's energy.
        if energy == "off":
            pass
        elif isinstance(backend, SupportsWorkers):
            from greenlithops.energy.sharing import shared_sampler  # noqa: PLC0415 - if on

            engine._sampler = await stack.enter_async_context(shared_sampler(energy))
            engine._dispatcher.trees = engine._sampler.trees
            engine._metered = engine._sampler.open_window(running=False)
            stack.callback(engine._metered.close)
        elif backend.size is not None:
            from greenlithops.energy.service import ServiceWindow  # noqa: PLC0415 - if known

            engine._estimated = ServiceWindow(backend.size)
        if energy_log is not None and engine.energy is not None:
            from greenlithops.dispatch.energy_log import JobLog  # noqa: PLC0415 - if asked

            engine._job_log = JobLog(energy_log)
        engine._spending = Spending(engine.loop, engine._sampler, engine.energy, energy_budget)
        engine._stack = stack.pop_all()
        _open.add(engine)
        return engine

    def _feeder(
        self,
        backend: SupportsWorkers | SupportsInvocations,
        max_workers: int | None,
        initializer: Initializer | None,
    ) -> Dispatcher | Invoker:
        options = self._options
        limit = backend.limits.concurrency
        if isinstance(backend, SupportsWorkers):
            most = max_workers or default_workers()
            return Dispatcher(
                open_lanes(backend, self.id, options, initializer),
                self,
                max_workers=min(most, limit or most),
                concurrency=options.concurrency,
                max_calls=options.max_calls,
            )
        from greenlithops.dispatch.invoker import Invoker  # noqa: PLC0415 - only if needed

        if initializer is not None or options.max_memory or options.max_calls:
            raise UsageError(
                f"initializer, max_memory and max_calls_per_worker are about workers; {backend!r} "
                "has none of ours: its deployment says what they are like"
            )
        most = max_workers or limit or MOST_INVOCATIONS
        return Invoker(backend, most=min(most, limit or most), chunksize=options.chunksize)

    @property
    def energy(self) -> EnergyWindow | ServiceWindow | None:
        """The account of all calls; None if nothing is known of their energy."""
        return self._estimated if self._metered is None else self._metered

    @property
    def workers(self) -> list[str]:
        """The names of the workers that there are now."""
        return self._dispatcher.workers

    @property
    def busy_jobs(self) -> int:
        """How many jobs have calls that have not ended."""
        return len(self.trackers) - self._groups.idle

    def wake(self) -> None:
        """Look for calls that wait."""
        self._dispatcher.wake()

    # Work.

    def submit(
        self,
        function: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        options: Options,
    ) -> tuple[Tracker, int]:
        """Add one call; return the job that it shares with others, and its index there."""
        self._dispatcher.warm()
        return self._groups.submit(function, args, kwargs, options)

    def end_idle_groups(self) -> None:
        """End the jobs of submitted calls that only wait for more."""
        self._groups.end_idle()

    def start(
        self,
        function: Callable[..., Any],
        source: Input,
        bind: plan.Binder,
        options: Options,
        *,
        buffer: int = 1,
        image: FunctionImage | None = None,
        book: ClassBook | None = None,
    ) -> Tracker:
        """Start a job.

        Raises:
            FunctionNotSerializable: the function cannot be pickled.
        """
        self._dispatcher.warm()
        book = book or ClassBook(options.modules)
        remote = self._remote(function, image or self._images.image(function, book), options)
        budget = options.energy_budget
        return self.begin(
            remote, source, bind, options.policy, book=book, buffer=buffer, energy_budget=budget
        )

    def begin(
        self,
        remote: RemoteFunction,
        source: Input,
        bind: plan.Binder,
        policy: RetryPolicy,
        *,
        book: ClassBook,
        buffer: int = 1,
        job_id: str | None = None,
        energy_budget: float | None = None,
    ) -> Tracker:
        """Start a job of a function that is ready to travel."""
        self._spending.check(energy_budget)
        tracker = Tracker(
            job_id or f"{self.id}-{next(self._numbers)}",
            buffer=buffer,
            emit=self._hooks.emit if self._hooks else None,
            on_finish=self._job_ended,
            stop=self._stop_calls,
        )
        work = Work(
            remote,
            source,
            bind,
            policy,
            tracker,
            book=book,
            energy=self._window(),
            max_memory=self._options.max_memory,
        )
        remote.users += 1
        tracker.follow(work)
        self.trackers.add(tracker)
        self._spending.watch(tracker, energy_budget)
        self._dispatcher.add(work)
        return tracker

    def _window(self) -> EnergyWindow | ServiceWindow | None:
        """Return where the calls of a new job are accounted; None if energy is not known."""
        if self._estimated is not None:
            return self._estimated.within()
        return self._sampler.open_window(self._metered) if self._sampler else None

    def import_path(self, options: Options) -> list[str]:
        """Return where workers look for modules."""
        return [*sys.path, *options.modules.folders]

    def _remote(
        self, function: Callable[..., Any], image: FunctionImage, options: Options
    ) -> RemoteFunction:
        directory, path = working_directory(), self.import_path(options)
        wire = options.wire()
        key = (image.digest, wire, directory, tuple(path))
        remote = self._functions.get(key)
        if remote is None:
            remote = RemoteFunction(
                image, wire, is_async=plan.is_async(function), directory=directory, path=path
            )
            self._functions[key] = remote
            if len(self._functions) > KEPT_FUNCTIONS:
                self._forget_one(remote)
        return remote

    def _forget_one(self, but: RemoteFunction) -> None:
        for key, unused in self._functions.items():
            if not unused.users and unused is not but:
                del self._functions[key]
                self._dispatcher.forget(unused)
                return

    def _job_ended(self, tracker: Tracker) -> None:
        work = tracker.work
        work.function.users -= 1
        self.trackers.discard(tracker)
        self._spending.forget(tracker)
        if work.energy is not None:
            # Calls that were cancelled still run until they are stopped, and cost until then.
            work.on_quiet = lambda: self._settle(tracker)
            if not work.out:
                self._settle(tracker)

    def _settle(self, tracker: Tracker) -> None:
        """Close the account of a job, of which nothing runs any more."""
        work = tracker.work
        work.on_quiet = _nothing
        if work.energy is not None:
            work.energy.close()
        if self._job_log is not None:
            self.spawn(self._job_log.write(tracker), f"energy log of {tracker.id}")

    def _stop_calls(self, tracker: Tracker, indices: set[int]) -> None:
        def cancelled(batch: Batch, position: int) -> bool:
            return batch.work is tracker.work and batch.indices[position] in indices

        self._dispatcher.stop_calls(cancelled)

    def spawn(self, coroutine: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run something that belongs to a job, and that the end waits for."""
        task = asyncio.get_running_loop().create_task(coroutine, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    # What the dispatcher tells.

    def worker_started(self, worker: str) -> None:
        """A worker has started."""
        self._emit(EventKind.WORKER_STARTED, worker)

    def worker_ended(self, worker: str) -> None:
        """A worker has ended."""
        self._emit(EventKind.WORKER_ENDED, worker)

    def _emit(self, kind: EventKind, worker: str) -> None:
        if self._hooks is not None:
            self._hooks.emit(Event(kind, time.time(), worker=worker))

    # The end.

    async def drain(self) -> None:
        """Wait until everything that was submitted has ended."""
        self._groups.close()
        while self.trackers or self._tasks:
            for tracker in list(self.trackers):
                tracker.leave()
                await tracker.until_over()
            if self._tasks:
                await asyncio.wait(list(self._tasks))

    async def close(self, *, kill: bool) -> None:
        """End every job, worker and task; what was begun here is over when this returns.

        A cancellation is heeded, but only after the end.
        """
        for task in self._tasks:
            task.cancel()
        self._groups.close()
        for tracker in list(self.trackers):
            tracker.cancel_all()
        await to_the_end(self._end(kill=kill))

    async def _end(self, *, kill: bool) -> None:
        _open.discard(self)
        if self._tasks:
            await asyncio.wait(list(self._tasks))
        await self._dispatcher.close(kill=kill)
        if self._tasks:  # the logs of what was stopped just now
            await asyncio.wait(list(self._tasks))
        await self._stack.aclose()


def _nothing() -> None:
    pass
