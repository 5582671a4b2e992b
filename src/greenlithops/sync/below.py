"""All that this face knows of the executor beyond its public face, for what has to be fast."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from greenlithops.dispatch import plan
from greenlithops.dispatch.dispatcher import Dispatcher
from greenlithops.dispatch.inputs import as_input
from greenlithops.dispatch.serialize import ClassBook, FunctionImage, pack_function
from greenlithops.job import Future

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from greenlithops.dispatch.options import Options
    from greenlithops.dispatch.partition import Cut
    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.executor import AsyncExecutor
    from greenlithops.job import Job
    from greenlithops.storage.mapping.objects_map import ObjectMap


def tracker_of(call: Future[Any]) -> Tracker:
    """Return what follows the calls of a future's job."""
    return call._tracker  # noqa: SLF001 - this is the one place


def function_bytes(call: Future[Any]) -> int:
    """Return how large the pickled function is."""
    image = tracker_of(call).work.function.image
    return len(image.stream) + sum(len(raw) for raw in image.buffers)


def start_many(
    executor: AsyncExecutor, function: Callable[..., Any], arguments: list[plan.Arguments]
) -> Tracker:
    """Start calls of one function, given the arguments of each, as a job.

    Raises:
        FunctionNotSerializable: the function cannot be pickled.
    """
    engine = executor._running_engine()  # noqa: SLF001 - see above
    source = as_input(arguments)
    return engine.start(function, source, plan.passed_on, executor._defaults)  # noqa: SLF001 - see above


class Packed(NamedTuple):
    """A function that was pickled before it is submitted."""

    function: Callable[[], Any]
    image: FunctionImage
    book: ClassBook


def pack(function: Callable[[], Any]) -> Packed:
    """Pickle a function in this thread.

    Raises:
        FunctionNotSerializable: it cannot be pickled.
    """
    book = ClassBook()
    return Packed(function, pack_function(function, book), book)


def submit_packed(executor: AsyncExecutor, packed: Packed) -> Future[Any]:
    """Run one call of a pickled function, without arguments."""
    engine = executor._running_engine()  # noqa: SLF001 - see above
    source = as_input([()])
    tracker = engine.start(
        packed.function,
        source,
        plan.passed_on,
        executor._defaults,  # noqa: SLF001 - see above
        image=packed.image,
        book=packed.book,
    )
    return Future(tracker, 0)


def ended_since(tracker: Tracker, place: int) -> Sequence[int]:
    """Return the indices of the calls of a job that ended after the `place`-th one."""
    return tracker.work.ledger.order[place:]


async def parts_of(
    executor: AsyncExecutor, function: Callable[..., Any], data: list[Any], how: Cut, extra: Any
) -> tuple[ObjectMap, list[Any]]:
    """Return a map over objects, and an element for every part of what `data` names.

    Raises:
        NoSuchKey: something names no object.
        UsageError: something cannot name one.
    """
    objects = executor._object_map(function, how, extra)  # noqa: SLF001 - see above
    assert objects is not None  # noqa: S101 - the function was looked at before
    return objects, [element async for element in objects.elements(data)]


def start_parts(
    executor: AsyncExecutor,
    objects: ObjectMap,
    elements: list[Any],
    bind: plan.Binder,
    options: Options,
) -> Job[Any]:
    """Start a map over parts that have been found."""
    return executor._begin(objects.function, elements, bind, options, 1)  # noqa: SLF001 - see above


def options_of(executor: AsyncExecutor, **options: Any) -> Options:
    """Return options of calls over those of the executor."""
    return executor.options(**options)._options  # noqa: SLF001 - see above


def filled(executor: AsyncExecutor, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function whose reserved parameter ``storage`` is filled, if it has one."""
    return executor._filled(function)  # noqa: SLF001 - see above


def first_worker(executor: AsyncExecutor) -> tuple[int | None, bool]:
    """Return the process number of an executor's first worker, and whether it runs a call."""
    dispatcher = executor._running_engine()._dispatcher  # noqa: SLF001 - see above
    lanes = dispatcher._lanes if isinstance(dispatcher, Dispatcher) else []  # noqa: SLF001 - see above
    if not lanes:
        return None, False
    handle = lanes[0]._handle  # noqa: SLF001 - see above
    return (handle.pid if handle is not None else None), lanes[0]._running() is not None  # noqa: SLF001 - see above
