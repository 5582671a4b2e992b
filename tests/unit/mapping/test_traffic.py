"""Readers of objects in storages, from functions and coroutines, over one loop for both."""

import asyncio
import os
import pickle
import threading

import pytest

from greenlithops.errors import ObjectChanged
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.storage.mapping.origins import StorageOrigin
from greenlithops.storage.mapping.part import Part
from greenlithops.storage.mapping.reader import ObjectReader

MIB = 1 << 20


@pytest.fixture
async def storage():
    async with AsyncStorage("memory", name="traffic") as storage:
        await storage.create_bucket("b")
        yield storage
        await storage.delete_many("b", [info.key async for info in storage.list("b")])
        await storage.delete_bucket("b")


def reader(info, start, stop, newline=b"\n", spec=None):
    part = Part("", "memory", "b", info.key, None, start, stop, info.size, info.etag, 1, 2)
    name = spec or pickle.dumps(AsyncStorage("memory", name="traffic"))
    return ObjectReader(part, newline, StorageOrigin(part, name))


async def test_coroutines_and_functions_read_the_same(storage):
    data = b"".join(os.urandom(999).replace(b"\n", b"x") + b"\n" for _ in range(11_000))
    info = await storage.put("b", "k", data)
    middle = len(data) // 2
    with reader(info, 0, middle) as first, reader(info, middle, len(data)) as second:
        chunks = [chunk async for chunk in first]
        assert max(map(len, chunks)) <= 5 * MIB
        rest = await asyncio.to_thread(second.read)
        assert b"".join(chunks) + rest == data
        assert b"".join(chunks).endswith(b"\n")


async def test_a_read_that_was_given_up_can_be_repeated(storage):
    info = await storage.put("b", "k", os.urandom(9 * MIB))
    data = await storage.get("b", "k")
    with reader(info, 0, info.size, None) as whole:
        for _ in range(5):
            reading = asyncio.ensure_future(whole.aread())
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
        assert await whole.aread(5 * MIB) == data[: 5 * MIB]
        whole.seek(1)
        assert await whole.aread() == data[1:]


async def test_another_version_is_refused(storage):
    info = await storage.put("b", "k", b"one\n" * 100)
    await storage.put("b", "k", b"two\n" * 100)
    with reader(info, 0, info.size) as changed, pytest.raises(ObjectChanged):
        await changed.aread()
    with reader(info, 0, info.size) as changed, pytest.raises(ObjectChanged):
        await asyncio.to_thread(changed.read)


async def test_the_loop_ends_when_nobody_reads(storage):
    info = await storage.put("b", "k", b"x")
    with reader(info, 0, 1) as one:
        assert await one.aread() == b"x"
        names = [thread.name for thread in threading.enumerate()]
        assert names.count("greenlithops-traffic") == 1
        with reader(info, 0, 1) as other:
            assert await other.aread() == b"x"
        assert [thread.name for thread in threading.enumerate()].count("greenlithops-traffic") == 1
    # That it ends is what every test is held to.
