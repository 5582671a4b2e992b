"""The storages that need no server keep the contract, and what is special about them."""

import asyncio
import os
import secrets

import pytest

from greenlithops.registry import same_storage
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import StorageContract
from support import scripts


def test_names_of_one_kind_of_storage():
    assert same_storage("gcs", "gcp_storage")
    assert same_storage("azure_storage", "azure")
    assert not same_storage("s3", "minio")
    assert same_storage("own", "own")
    assert not same_storage("own", "other")


class TestMemory(StorageContract):
    presigned = False  # nobody else can reach this memory

    @pytest.fixture
    async def storage(self):
        async with AsyncStorage("memory", name=secrets.token_hex(8)) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        await storage.create_bucket("bucket")
        return "bucket"


class TestLocalhost(StorageContract):
    presigned = False  # no server answers for files

    @pytest.fixture
    async def storage(self, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        root = tmp_path_factory.mktemp("objects")
        async with AsyncStorage("localhost", root=root) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        await storage.create_bucket("bucket")
        return "bucket"


async def test_who_writes_what_he_reads_does_not_wait_for_himself():
    async with AsyncStorage("memory", name="copied", concurrency=1, part_bytes=1 << 20) as storage:
        await storage.create_bucket("b")
        await storage.put("b", "from", bytes(20 << 20))
        await storage.put("b", "to", storage.stream("b", "from"))
        assert (await storage.head("b", "to")).size == 20 << 20


async def test_a_crowd_in_a_folder(tmp_path):
    bodies = {f"{n}": os.urandom(n % 200) + str(n).encode() for n in range(5_000)}
    async with AsyncStorage("localhost", root=tmp_path / "root") as storage:
        await storage.create_bucket("crowd")
        await asyncio.gather(*(storage.put("crowd", *item) for item in bodies.items()))
        got = await asyncio.gather(*(storage.get("crowd", key) for key in bodies))
        assert got == list(bodies.values())


FROM_TWO_THREADS = """
import asyncio, threading
from greenlithops.errors import PreconditionFailed
from greenlithops.storage.async_storage import AsyncStorage

KEYS = [str(number) for number in range(100, 200)]
together, kept = threading.Barrier(2), []

async def write(storage):
    await storage.create_bucket("bucket")
    for key in KEYS:
        together.wait()
        try:
            await storage.put("bucket", key, bytes(1 << 20), if_absent=True)
        except PreconditionFailed:
            continue
        kept.append(key)

threads = [
    threading.Thread(target=lambda: asyncio.run(write(AsyncStorage("memory")))) for _ in range(2)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()

async def listed(storage):
    return [info.key async for info in storage.list("bucket")]

assert sorted(kept) == KEYS, len(kept)
assert asyncio.run(listed(AsyncStorage("memory"))) == KEYS
"""


def test_memory_is_one_for_all_threads(tmp_path):
    scripts.run(tmp_path, FROM_TWO_THREADS)


AN_UPLOAD = """
import asyncio
from greenlithops.objects import PutOptions
from greenlithops.storage.async_storage import AsyncStorage

async def main():
    storage = AsyncStorage("memory")
    await storage.create_bucket("bucket")
    print((await storage.backend.start_upload("bucket", "key", PutOptions())).id)

asyncio.run(main())
"""


def test_an_upload_is_not_taken_for_the_one_of_another_program(tmp_path):
    assert scripts.run(tmp_path, AN_UPLOAD) != scripts.run(tmp_path, AN_UPLOAD)
