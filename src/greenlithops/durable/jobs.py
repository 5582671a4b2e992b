"""Durable jobs: started so that they can go on, and gone on with after their client died."""

from __future__ import annotations

import asyncio
import os
import pickle
import secrets
import time
from array import array
from collections.abc import AsyncIterable, Sized
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

from greenlithops.dispatch import plan as plans
from greenlithops.dispatch.batch import RemoteFunction
from greenlithops.dispatch.inputs import Input
from greenlithops.dispatch.ledger import clock_offset
from greenlithops.dispatch.serialize import ClassBook, FunctionImage, pack_function
from greenlithops.durable.lease import Lease
from greenlithops.durable.recorder import Recorder
from greenlithops.durable.records import (
    Plan,
    counted,
    decode_done,
    decode_input,
    decode_plain,
    decode_plan,
    encode,
    end_name,
    epoch_name,
    plan_name,
)
from greenlithops.durable.seal import user_key
from greenlithops.durable.vault import Vault
from greenlithops.errors import GreenlithopsError, NoSuchBucket, NoSuchJob, NoSuchKey
from greenlithops.models import CallOptions
from greenlithops.offload import off_loop
from greenlithops.worker.classes import announce

if TYPE_CHECKING:
    from collections.abc import Callable

    from greenlithops.dispatch.engine import Engine
    from greenlithops.dispatch.options import Options
    from greenlithops.dispatch.tracker import Tracker
    from greenlithops.durable.records import Ended, Stream
    from greenlithops.storage.async_storage import AsyncStorage
    from greenlithops.worker.pickling import Payload

BUCKET = "greenlithops"
HOLD_SECONDS = 0.0005  #: that the event loop is held while arguments are packed
SHORTEST_LOOK, LONGEST_LOOK = 0.1, 2.0  #: seconds between two looks at somebody else's progress


def start(
    engine: Engine,
    storage: AsyncStorage,
    function: Callable[..., Any],
    elements: Any,
    *,
    bind: plans.Binder,
    options: Options,
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
        directory=os.getcwd(),
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
        os.getcwd(),
        engine.import_path(options),
    )
    engine.spawn(_owned(tracker, storage, record, elements), f"record of {job}")
    return tracker


async def _owned(tracker: Tracker, storage: AsyncStorage, record: Plan, elements: Any) -> None:
    """Record a new job from its start to its end."""
    try:
        vault, lease = await _place(storage, tracker.id)
        await lease.acquire()
        await vault.write(plan_name(tracker.id), encode(record))
        recorder = Recorder(vault, lease, tracker.work)
        tracker.work.recorder = recorder
        async with asyncio.TaskGroup() as group:
            group.create_task(_feed(tracker, recorder, elements))
            group.create_task(recorder.run(tracker))
    except* GreenlithopsError as errors:
        tracker.work.fail_all(_first(errors))


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


async def attach(engine: Engine, storage: AsyncStorage, job: str) -> Tracker:
    """Return the job that another process started, as far as it is; go on with it when that died.

    Raises:
        NoSuchJob: the storage has none of this id.
        ProtocolError: it was recorded with another key.
    """
    vault, lease = await _place(storage, job)
    try:
        record = decode_plan(await vault.read(plan_name(job)))
    except (NoSuchKey, NoSuchBucket):
        raise NoSuchJob(f"there is no job {job!r} in {storage!r}") from None
    book = ClassBook()
    book.definitions.update(_payloads(record.classes))
    stream, buffers = record.function
    views = tuple(memoryview(buffer) for buffer in buffers)
    here = await off_loop(os.path.isdir, record.directory)
    remote = RemoteFunction(
        FunctionImage(record.name, stream, views, record.digest),
        CallOptions(record.timeout, record.environment),
        is_async=record.is_async,
        directory=record.directory if here else os.getcwd(),
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
    follower = Follower(tracker, vault, lease)
    await follower.look()
    engine.spawn(follower.run(), f"following {job}")
    return tracker


class Follower:
    """Keeps a job up to date with what its owner records, and takes it over when that died."""

    def __init__(self, tracker: Tracker, vault: Vault, lease: Lease) -> None:
        self._tracker = tracker
        self._vault = vault
        self._lease = lease
        self._inputs: list[str] = []
        self._read: set[str] = set()
        self._waiting: dict[int, tuple[bytes, list[bytes]]] = {}
        self._offset = round(clock_offset() * 1e9)
        self._total: int | None = None

    async def run(self) -> None:
        """Follow until the job is over."""
        pause = SHORTEST_LOOK
        try:
            while not self._tracker.over:
                if await self._lease.acquire():
                    await self._take_over()
                    return
                pause = SHORTEST_LOOK if await self.look() else min(LONGEST_LOOK, pause * 1.5)
                await asyncio.sleep(pause)
        except* GreenlithopsError as errors:
            self._tracker.work.fail_all(_first(errors))

    async def look(self) -> bool:
        """Take note of what is new; return whether there was anything."""
        vault = self._vault
        new = await vault.names("input", self._inputs[-1] if self._inputs else "")
        for body in await vault.read_all(new):
            classes, entries = decode_input(body)
            self._tracker.work.book.definitions.update(_payloads(classes))
            for entry in entries:
                self._waiting[entry.index] = (entry.blob, entry.buffers)
        self._inputs += new
        done = [name for name in await self._counting() if name not in self._read]
        records = await vault.read_all(done)
        self._read.update(done)
        self._book([ended for body in records for ended in decode_done(body)])
        if self._total is None:
            try:
                self._total = decode_plain(await vault.read(end_name(vault.job)))
                self._tracker.work.input.total = self._total
            except NoSuchKey:
                return bool(new or done)
        self._end_input()
        return bool(new or done)

    async def _counting(self) -> list[str]:
        done = await self._vault.names("done")
        epochs = await self._vault.names("epochs")
        if not epochs:
            return done
        adopted = decode_plain(await self._vault.read(epochs[-1]))
        return counted(done, int(epochs[-1].rsplit("/", 1)[1]), adopted)

    def _book(self, records: list[Ended]) -> None:
        work = self._tracker.work
        self._open()
        ended = []
        for record in records:
            times = None
            if record.times:
                times = array("q", [record.start - self._offset, *record.times])
            work.ledger.attempts[record.index] = record.attempts
            if record.logs:
                work.ledger.logs[record.index] = record.logs
            work.replay(
                record.index,
                record.status,
                record.blob,
                record.buffers,
                times=times,
                worker=record.worker,
            )
            ended.append(record.index)
        self._tracker.calls_ended(ended)

    def _open(self) -> None:
        """Open the calls whose arguments are known, in order."""
        work = self._tracker.work
        for index in sorted(self._waiting):
            blob, buffers = self._waiting.pop(index)
            work.push_again(index, blob, list(buffers))

    def _end_input(self) -> None:
        if self._total == self._tracker.work.ledger.size and not self._tracker.work.input.ended:
            self._tracker.work.input.end()
            self._tracker.calls_ended([])

    async def _take_over(self) -> None:
        """Go on with the job: run what has no outcome yet."""
        await self.look()
        vault, tracker = self._vault, self._tracker
        name = epoch_name(vault.job, self._lease.epoch)
        await vault.write(name, encode(sorted(self._read)))
        recorder = Recorder(vault, self._lease, tracker.work)
        tracker.work.recorder = recorder
        tracker.work.held = False
        tracker.work.wake()
        if self._total is None:
            # What the client had not taken of its input died with it.
            recorder.input_ended(tracker.work.ledger.size)
            tracker.work.input.end()
            tracker.calls_ended([])
        await recorder.run(tracker)


async def _place(storage: AsyncStorage, job: str) -> tuple[Vault, Lease]:
    bucket = storage.bucket or BUCKET
    if storage.bucket is None:
        await storage.create_bucket(bucket)
    key = await off_loop(user_key)
    return Vault(storage, bucket, job, key), Lease(storage, bucket, job)


def _payloads(classes: dict[bytes, Stream]) -> dict[bytes, Payload]:
    """Make classes known, so that results that name them can be read; return them as sent."""
    for digest, (stream, buffers) in classes.items():
        announce(digest, stream, list(buffers))
    return {
        digest: (stream, [memoryview(buffer) for buffer in buffers])
        for digest, (stream, buffers) in classes.items()
    }


def _plain(stream: bytes, buffers: Any) -> tuple[bytes, list[bytes]]:
    return bytes(stream), [bytes(buffer) for buffer in buffers]


def _pickled(policy: Any) -> bytes:
    import cloudpickle  # noqa: PLC0415 - the function was pickled with it

    data: bytes = cloudpickle.dumps(policy)
    return data


def _first(errors: BaseExceptionGroup[Any]) -> Any:
    error: Any = errors
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
