"""Durable jobs: started so that they can go on, and gone on with after their client died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import secrets
import time
from collections.abc import AsyncIterable, Sized
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan as plans
from greenlithops.dispatch.batch import RemoteFunction
from greenlithops.dispatch.inputs import Input
from greenlithops.dispatch.options import working_directory
from greenlithops.dispatch.serialize import ClassBook, FunctionImage, pack_function
from greenlithops.durable.follower import Follower, first, payloads
from greenlithops.durable.lease import Lease
from greenlithops.durable.recorder import Recorder
from greenlithops.durable.records import (
    Plan,
    decode_plan,
    encode,
    plan_name,
)
from greenlithops.durable.seal import user_key
from greenlithops.durable.telling import Telling
from greenlithops.durable.vault import Vault
from greenlithops.errors import GreenlithopsError, NoSuchBucket, NoSuchJob, NoSuchKey
from greenlithops.models import CallOptions
from greenlithops.offload import off_loop
from greenlithops.storage.buckets import DEFAULT_BUCKET, MAKE_BUCKETS

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.engine import Engine
    from greenlithops.dispatch.options import Options
    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.monitoring.shared import SharedChannel
    from greenlithops.storage.async_storage import AsyncStorage

BUCKET = "greenlithops"
HOLD_SECONDS = 0.0005  #: that the event loop is held while arguments are packed


def start(
    engine: Engine,
    storage: AsyncStorage,
    function: Callable[..., Any],
    elements: Any,
    *,
    bind: plans.Binder,
    options: Options,
    news: SharedChannel,
) -> Tracker:
    """Start a job whose input and outcomes are kept in storage."""
    if isinstance(elements, list):
        elements = list(elements)  # the program may change it before it is taken
    book = ClassBook(options.modules)
    image = pack_function(function, book)
    remote = RemoteFunction(
        image,
        options.wire(),
        is_async=plans.is_async(function),
        directory=working_directory(),
        path=engine.import_path(options),
    )
    job = f"{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(4)}"
    source = Input(None, len(elements) if isinstance(elements, Sized) else None, lazy=False)
    tracker = engine.begin(
        remote,
        source,
        bind,
        options.policy,
        book=book,
        job_id=job,
        energy_budget=options.energy_budget,
    )
    record = Plan(
        image.name,
        _plain(image.stream, image.buffers),
        image.digest,
        {name: _plain(*payload) for name, payload in book.definitions.items()},
        remote.is_async,
        options.timeout,
        options.environment,
        _pickled(options.policy),
        working_directory(),
        engine.import_path(options),
    )
    telling = Telling(news, job)
    engine.spawn(_owned(tracker, storage, record, elements, telling), f"record of {job}")
    return tracker


async def _owned(
    tracker: Tracker, storage: AsyncStorage, record: Plan, elements: Any, telling: Telling
) -> None:
    """Record a new job from its start to its end."""
    try:
        vault, lease = await _place(storage, tracker.id)
        await lease.acquire()
        await vault.write(plan_name(tracker.id), encode(record))
        recorder = Recorder(vault, lease, tracker.work, telling)
        tracker.work.recorder = recorder
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(tracker, recorder, elements))
            group.create_task(recorder.run(tracker))
    except* GreenlithopsError as errors:
        tracker.work.fail_all(first(errors))


async def _feed(tracker: Tracker, recorder: Recorder, elements: Any) -> None:
    """Take the whole input: what was not taken could not be gone on with."""
    source = tracker.work.input
    try:
        async with aclosing(_each(elements)) as each:
            hold = time.monotonic() + HOLD_SECONDS
            async for element in each:
                if source.ended:
                    return  # the job was cancelled
                tracker.work.push(element)
                if time.monotonic() > hold:
                    await asyncio.sleep(0)
                    hold = time.monotonic() + HOLD_SECONDS
    except Exception as error:  # noqa: BLE001 - the user's iterator may raise anything
        source.end(error)
    source.total = tracker.work.ledger.size
    recorder.input_ended(source.total)
    source.end()
    tracker.calls_ended([])


async def _each(elements: Any) -> Any:
    if isinstance(elements, AsyncIterable):
        async for element in elements:
            yield element
    else:
        for element in elements:
            yield element


async def attach(engine: Engine, storage: AsyncStorage, job: str, news: SharedChannel) -> Tracker:
    """Return the job that another process started, as far as it is; go on with it when that died.

    Raises:
        NoSuchJob: the storage has none of this id.
        ProtocolError: it was recorded with another key.
    """
    vault, record = await _found(storage, job)
    book = ClassBook()
    book.definitions.update(payloads(record.classes))
    stream, buffers = record.function
    views = tuple(memoryview(buffer) for buffer in buffers)
    here = await off_loop(os.path.isdir, record.directory)
    remote = RemoteFunction(
        FunctionImage(record.name, stream, views, record.digest),
        CallOptions(record.timeout, record.environment),
        is_async=record.is_async,
        directory=record.directory if here else working_directory(),
        path=record.path,
    )
    tracker = engine.begin(
        remote,
        Input(None, None, lazy=False),
        plans.passed_on,
        pickle.loads(record.policy),
        book=book,
        job_id=job,
    )
    tracker.work.held = True
    follower = Follower(tracker, vault, Lease(storage, vault.bucket, job), news)
    await follower.look()
    engine.spawn(follower.run(), f"following {job}")
    return tracker


async def _place(storage: AsyncStorage, job: str) -> tuple[Vault, Lease]:
    bucket = storage.bucket or BUCKET
    try:
        await storage.head_bucket(bucket)
    except NoSuchBucket:
        await storage.create_bucket(bucket)
    key = await off_loop(user_key)
    return Vault(storage, bucket, job, key), Lease(storage, bucket, job)


async def _found(storage: AsyncStorage, job: str) -> tuple[Vault, Plan]:
    """Return where a job is recorded, and its plan."""
    places = [storage.bucket or BUCKET]
    if storage.backend.name in MAKE_BUCKETS:
        # Which bucket is usual there differs between storages that a configuration describes,
        # as commands and the blocking face have them, and those that a program makes by name.
        places += [bucket for bucket in (BUCKET, DEFAULT_BUCKET) if bucket not in places]
    key = await off_loop(user_key)
    for bucket in places:
        vault = Vault(storage, bucket, job, key)
        with contextlib.suppress(NoSuchKey, NoSuchBucket):
            return vault, decode_plan(await vault.read(plan_name(job)))
    raise NoSuchJob(f"there is no job {job!r} in {storage!r}")


def _plain(stream: bytes, buffers: Any) -> tuple[bytes, list[bytes]]:
    return bytes(stream), [bytes(buffer) for buffer in buffers]


def _pickled(policy: Any) -> bytes:
    import cloudpickle  # noqa: PLC0415 - the function was pickled with it

    data: bytes = cloudpickle.dumps(policy)
    return data
