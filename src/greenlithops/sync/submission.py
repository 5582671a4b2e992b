"""A job on its way to the loop: what Lithops' arguments mean, checked in the caller's thread."""

from __future__ import annotations

# ruff: noqa: SLF001 - the parts of this face know each other
import time
from collections.abc import AsyncIterator, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan
from greenlithops.dispatch.modules import OWN, ModuleChoice
from greenlithops.dispatch.partition import Cut
from greenlithops.errors import UsageError
from greenlithops.job import Future, Job
from greenlithops.sync.around import around
from greenlithops.sync.below import filled, function_bytes, options_of, parts_of, start_parts
from greenlithops.sync.chain import Chain
from greenlithops.sync.futures import ResponseFuture
from greenlithops.sync.keeping import Keeping, keeping
from greenlithops.sync.reserved import Connected, lone
from greenlithops.sync.settle import cancel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from greenlithops.executor import AsyncExecutor
    from greenlithops.storage.mapping.objects_map import ObjectMap
    from greenlithops.sync.hosted import Hosted
    from greenlithops.sync.record import JobRecord


#: set around a `map` whose signature has no such parameter
retries_of_map: ContextVar[int | None] = ContextVar("retries of a map", default=None)


def elements(iterdata: Any) -> list[Any]:
    """Return what is mapped over, by Lithops' rule: a list, range or set; else one element.

    Raises:
        UsageError: the one element would be a generator, which cannot travel.
    """
    if isinstance(iterdata, list):
        return iterdata
    if isinstance(iterdata, (range, set)):
        return list(iterdata)
    if isinstance(iterdata, tuple) and iterdata and isinstance(iterdata[0], ResponseFuture):
        return list(iterdata)
    if isinstance(iterdata, (Generator, AsyncIterator)):
        raise UsageError(
            "a generator is one element here, as in Lithops, and cannot be pickled: wrap it in "
            "list(), or use AsyncExecutor.map, which takes generators lazily"
        )
    return [iterdata]


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
    connect: Callable[[Callable[..., Any]], Callable[..., Any]]  #: fills reserved parameters
    mapped: Submission | None = None  #: the job whose results this one reduces
    single: bool = False  #: whether this is one call, whose data the caller may use again
    upstream: list[list[ResponseFuture]] | None = None  #: what each call waits for
    #: extra attempts, if not those of the executor
    retries: int | None = field(default_factory=retries_of_map.get)
    modules: ModuleChoice = OWN
    how: Cut = field(default_factory=Cut)  #: how objects are cut, in a map over objects
    durable: bool = False  #: whether the job is kept in storage, for other processes
    by_key: bool = False  #: whether the results of each object are reduced by themselves
    _objects: ObjectMap | None = None
    _bind: plan.Binder = plan.passed_on

    def check(self) -> None:
        """Check the function and its arguments, in the caller's thread.

        Raises:
            ConfigurationError: the function has a reserved parameter that nothing is known for.
            UsageError: they do not fit together.
        """
        extra = self.extra_args
        if isinstance(extra, list):
            extra = self.extra_args = tuple(extra)
        if self.mapped is None:
            self.function = lone(self.function, self.data)
        self.function = keeping(self.function, self.record.job_key)
        self.record.keeps = isinstance(self.function, Keeping)
        self.function = self.connect(self.function)
        bind = plan.binder(self.function)
        self._bind = bind if self.over_objects else plan.with_extra(bind, extra)
        self.record.function_name = plan.describe(self.function).rpartition(".")[2]
        self.function = around(self.function, self.extra_env or {})
        if self.mapped is not None:
            return
        futures = sum(isinstance(element, ResponseFuture) for element in self.data)
        if self.durable and (futures or self.over_objects):
            raise UsageError(
                "an executor with durable=True keeps maps over plain data; chains and maps over "
                "objects need an executor without it"
            )
        if self.durable and isinstance(self.function, Connected):
            raise UsageError(
                "an executor with durable=True keeps functions in storage, where credentials have "
                "no place: connect in the function, instead of by its parameters"
            )
        if futures:
            self._chain(futures)
        elif not self.over_objects:
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

    @property
    def over_objects(self) -> bool:
        """Whether elements name objects, which have to be looked for first."""
        own = self.mapped is None and self.upstream is None
        return own and plan.OBJECT in plan.reserved(self.function)

    # On the loop.

    async def find(self, executor: AsyncExecutor) -> None:
        """Look for the objects that elements name, and put their parts in the elements' place.

        Raises:
            NoSuchKey: an element names none.
            UsageError: an element cannot name one, or does not fit the function.
        """
        objects, self.data = await parts_of(
            executor, self.function, list(self.data), self.how, self.extra_args
        )
        self.function, self._objects = objects.function, objects
        for number, element in enumerate(self.data):
            self._bind(element, number)
        if self.single and len(self.data) != 1:
            raise UsageError(
                f"call_async makes one call, and there are {len(self.data)} objects; use map"
            )

    def start(self, executor: AsyncExecutor, host: Hosted) -> None:
        """Start the calls, or have them started when others have ended."""
        start = time.perf_counter()
        if self.mapped is not None:
            chain = Chain(self._maker(executor, values=True), host.chains)
            self.record.calls = [chain.add(group) for group in self._groups(self.mapped)]
        elif self.upstream is not None:
            chain = Chain(self._maker(executor, values=False), host.chains)
            self.record.calls = [chain.add([f._call for f in one]) for one in self.upstream]
        elif self.single:
            self.record.calls = [self._maker(executor, values=False)(self.data, 0)]
        else:
            job = self._job(executor)
            if self.durable:
                self.record.durable = job.id
            self.record.calls = [job[index] for index in range(len(self.data))]
        if self.record.calls and isinstance(self.record.calls[0], Future):
            self.record.function_bytes = function_bytes(self.record.calls[0])
        self.record.serialize_seconds = time.perf_counter() - start

    def _job(self, executor: AsyncExecutor) -> Job[Any]:
        if self._objects is not None:
            options = options_of(executor, **self._options)
            return start_parts(executor, self._objects, self.data, self._bind, options)
        return executor.map(
            self.function,
            self.data,
            extra_args=self.extra_args,
            durable=self.durable,
            **self._options,
        )

    def _groups(self, mapped: Submission) -> list[list[Any]]:
        """Return the calls whose results are reduced together."""
        calls = mapped.record.calls
        if not self.by_key or mapped._objects is None:
            return [calls]
        return list(mapped._objects.groups(calls))

    @property
    def _options(self) -> dict[str, Any]:
        return {
            "timeout": self.timeout,
            "retries": self.retries,
            "extra_env": self.extra_env,
            "modules": self.modules,
        }

    def _maker(
        self, executor: AsyncExecutor, *, values: bool
    ) -> Callable[[list[Any], int], Future[Any]]:
        """Return what makes a call of the results of others: of the list of them, or of one."""
        submitter = executor.options(**self._options)
        function = self.function if self._objects else filled(executor, self.function)

        def make(results: list[Any], number: int) -> Future[Any]:
            arguments = self._bind((results,) if values else results[0], number)
            if isinstance(arguments, tuple):
                return submitter.submit(function, *arguments)
            args, kwargs = arguments
            return submitter.submit(function, *args, **kwargs)

        return make

    def withdraw(self) -> None:
        """Cancel what was started for a caller who was interrupted."""
        cancel(self.record.calls)
