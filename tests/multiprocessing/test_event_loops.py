"""The awaited faces of shared objects: the same objects, on an event loop."""

import asyncio
import time

import pytest

import greenlithops.multiprocessing as mp
from greenlithops.errors import UsageError
from greenlithops.multiprocessing import aio
from support.clock import BUSY
from support.scripts import LIMIT
from support.shared import waiters


@pytest.fixture
async def loop_state():
    yield
    await aio.close()


async def made(kind, *args):
    return await asyncio.to_thread(kind, *args)


async def stood(shared, count):
    """Wait until so many wait for an object."""
    while await asyncio.to_thread(waiters, shared) < count:  # noqa: ASYNC110 - others set nothing
        await asyncio.sleep(0.01)


async def test_many_tasks_share_a_lock_and_a_loop(loop_state):
    lock, inside, most = await made(aio.Lock), 0, []

    async def work():
        nonlocal inside
        async with lock:
            inside += 1
            most.append(inside)
            await asyncio.sleep(0)
            inside -= 1

    await asyncio.gather(*(work() for _ in range(50)))
    assert most == [1] * 50


async def test_a_cancelled_wait_keeps_nothing(loop_state):
    lock = await made(aio.Lock)
    queue = await made(aio.Queue)
    await lock.acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await lock.acquire()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.2):
            await queue.get()
    await lock.release()
    await queue.put("kept")
    assert await lock.acquire(timeout=BUSY)
    assert await queue.get(timeout=BUSY) == "kept"


async def test_processes_and_tasks_share_an_object(loop_state):
    plain = await made(mp.Queue)
    queue = aio.twin(plain)
    await queue.put([1])
    assert await asyncio.to_thread(plain.get) == [1]
    await asyncio.to_thread(plain.put, 2)
    assert await queue.get() == 2
    with pytest.raises(UsageError, match="no awaited face"):
        aio.twin(await asyncio.to_thread(mp.Manager().dict))


async def test_recursive_locks_belong_to_tasks(loop_state):
    lock = await made(aio.RLock)
    async with lock, lock:
        assert not await asyncio.create_task(lock.acquire(False))
    assert await asyncio.create_task(lock.acquire(False))


async def test_conditions_events_barriers_and_semaphores(loop_state):
    condition = await made(aio.Condition)
    event, barrier = await made(aio.Event), await made(aio.Barrier, 3)
    semaphore = await made(aio.Semaphore, 2)

    async def wait():
        async with condition:
            return await condition.wait(LIMIT)

    waiting = [asyncio.create_task(wait()) for _ in range(3)]
    await stood(condition, 3)
    async with condition:
        await condition.notify_all()
    assert await asyncio.gather(*waiting) == [True] * 3
    waiters = [asyncio.create_task(event.wait()) for _ in range(100)]
    await stood(event, 100)
    await event.set()
    assert all(await asyncio.gather(*waiters))
    assert sorted(await asyncio.gather(*(barrier.wait() for _ in range(3)))) == [0, 1, 2]
    async with semaphore:
        assert await semaphore.get_value() == 1


async def test_connections(loop_state):
    first, second = await asyncio.to_thread(mp.Pipe)
    ours = aio.twin(first)
    assert first.closed
    await asyncio.to_thread(second.send, "hello")
    assert await ours.poll(LIMIT)
    assert await ours.recv() == "hello"
    async with ours:
        await ours.send_bytes(b"bytes")
        assert await asyncio.to_thread(second.recv_bytes) == b"bytes"
    with pytest.raises(EOFError):
        await asyncio.to_thread(second.recv)
    await asyncio.to_thread(second.close)


async def test_the_loop_goes_on_while_something_is_awaited(loop_state):
    queue = await made(aio.Queue)
    task = asyncio.create_task(queue.get())
    before = time.monotonic()
    for _ in range(20):
        await asyncio.sleep(0.01)
    assert time.monotonic() - before < BUSY
    assert not task.done()
    await queue.put(1)
    assert await task == 1
