"""What calls of a map get besides their elements: storages, and reducers that come early."""

import asyncio
import functools
import os
import pickle
import time
from pathlib import Path

import pytest

import greenlithops as gl
from greenlithops.errors import NoSuchKey
from greenlithops.storage.mapping import shared
from greenlithops.sync.loop import background
from greenlithops.sync.storage_host import close_storages
from support.clock import eventually

background().call(lambda: None)  # there before anything is counted


@pytest.fixture
async def storage(tmp_path):
    async with gl.AsyncStorage("localhost", bucket="data", root=tmp_path / "storage") as storage:
        await storage.create_bucket("data")
        for number in range(20):
            await storage.put("data", f"{number}.txt", "x" * number)
        yield storage
    await asyncio.to_thread(close_storages)


async def length(path, storage):
    data = await storage.get(storage.bucket, path)
    return len(data), type(storage).__name__, os.getpid(), id(storage)


class Shifted:
    def __init__(self, by):
        self.by = by

    async def __call__(self, number, storage):
        return len(await storage.get("data", f"{number + self.by}.txt"))


async def copied(obj, storage):
    content = await obj.aread()
    handle = await storage.put_cloudobject(content * 2)
    return len(await storage.get_cloudobject(handle))


async def total(results, storage):
    await storage.put("data", "total", str(sum(results)))
    return sum(results)


def hidden(path, storage):
    """Not known as a coroutine function before it is called."""

    async def work():
        return len(await storage.asked(lambda inner: inner.get("data", path)))

    return work()


NAMES = [f"{number}.txt" for number in range(20)]


async def test_coroutine_functions_get_an_async_storage_that_they_share(storage):
    async with gl.AsyncExecutor(storage=storage, max_workers=1, energy="off") as executor:
        found = await executor.map(length, NAMES)
        assert [size for size, *_ in found] == list(range(20))
        assert {kind for _, kind, _, _ in found} == {"AsyncStorage"}
        assert len({(pid, number) for *_, pid, number in found}) == 1
        assert await executor.map(functools.partial(length), NAMES[:1])
        assert await executor.map(Shifted(3), [0, 1]) == [3, 4]
        assert await executor.map(copied, ["data/3.txt", "data/5.txt"]) == [6, 10]
        assert await executor.map_reduce(copied, "data/1*.txt", total) == 2 * (
            1 + sum(range(10, 20))
        )
        assert await storage.get("data", "total")
        assert await executor.submit(hidden, "4.txt", storage=gl.Storage.like(storage)) == 4
        with pytest.raises(NoSuchKey):
            await executor.map(length, ["none"])


def test_what_calls_share_is_closed_when_nobody_uses_it(tmp_path, monkeypatch):
    monkeypatch.setattr(shared, "LINGER", 0.05)
    spec = pickle.dumps(gl.AsyncStorage("localhost", root=tmp_path))

    async def calls():
        with shared.shared(spec) as one, shared.shared(spec) as same:
            assert one is same
            await one.create_bucket("data")
        with shared.shared(spec) as still:
            assert still is one
            await asyncio.sleep(0.2)  # longer than it stays open without a user
            assert not await one.exists("data", "1.txt")
        await eventually(lambda: "closed" in repr(one))
        with shared.shared(spec) as other:
            assert other is not one
            await other.head_bucket("data")
            assert "open" in repr(other)
        return other

    assert "closed" in repr(asyncio.run(calls()))  # the end of the loop is the end of its storages


async def test_a_coroutine_function_in_disguise_gets_the_blocking_face(storage):
    async with gl.AsyncExecutor(storage=storage, max_workers=1, energy="off") as executor:
        assert await executor.map(hidden, NAMES[:3]) == [0, 1, 2]


async def test_each_object_is_reduced_as_soon_as_its_parts_have_ended(storage, tmp_path):
    """The last object's part waits for the first ones to have been reduced."""
    reduced = tmp_path / "reduced"
    reduced.mkdir()
    for key in ("a", "b", "c"):
        await storage.put("data", f"lines/{key}", b"x\n" * 3)

    def lines(obj):
        last = time.monotonic() + 90
        while obj.key == "lines/b" and len(list(Path(reduced).iterdir())) < 2:
            if time.monotonic() > last:
                raise TimeoutError("nothing is reduced before the map ends")
            time.sleep(0.01)
        return obj.key, len(obj.read())

    def merge(results):
        (key,) = {key for key, _ in results}
        (Path(reduced) / key[-1]).touch()
        return key, sum(size for _, size in results)

    async with gl.AsyncExecutor(storage=storage, max_workers=4, energy="off") as executor:
        reduction = executor.map_reduce(
            lines, "data/lines/", merge, obj_chunk_size=2, obj_reduce_by_key=True
        )
        assert await reduction == [(f"lines/{key}", 6) for key in "abc"]
        assert len(await reduction.job) == 9
        assert len(reduction.reducers) == 3


async def test_an_error_in_a_part_is_the_reductions(storage):
    def fails(obj):
        if obj.key == "3.txt":
            raise LookupError(obj.key)
        return len(obj.read())

    async with gl.AsyncExecutor("inline", storage=storage, max_workers=2, energy="off") as executor:
        reduction = executor.map_reduce(fails, "data", sum, obj_reduce_by_key=True)
        with pytest.raises(LookupError, match=r"3\.txt"):
            await reduction
        reduction = executor.map_reduce(fails, "data/none/", sum, obj_reduce_by_key=True)
        with pytest.raises(NoSuchKey):
            await reduction
        waiting = executor.map_reduce(fails, ["data/1.txt"] * 500, sum, obj_reduce_by_key=True)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert waiting.job.done()
