"""S3 storage when things break: at random, for good, in the middle of an upload."""

import asyncio
import hashlib
import json
import os
import secrets
import subprocess
import sys

import pytest
from test_s3 import reached

from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import PreconditionFailed, StorageTimeout, StorageUnavailable
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support.clock import soon
from support.faults import EVERYTHING, FaultProxy, Faults
from support.servers import start_seaweedfs

PATIENT = RetryPolicy(attempts=20, delay=0.01, max_delay=0.2, on=StorageUnavailable)


@pytest.fixture
async def storage(seaweedfs):
    async with AsyncStorage("seaweedfs", **reached(seaweedfs)) as storage:
        yield storage


@pytest.fixture
async def bucket(storage):
    name = f"faults-{secrets.token_hex(6)}"
    await storage.create_bucket(name)
    yield name
    await storage.delete_many(name, [entry.key async for entry in storage.list(name)])
    await storage.delete_bucket(name)


def through(proxy, server, **options):
    return {**reached(server), "endpoint": proxy.endpoint(server), "read_timeout": 2.0, **options}


@pytest.mark.parametrize("seed", [1, 2])
async def test_no_wrong_byte_and_no_lost_object(seaweedfs, bucket, seed):
    bodies = {f"small/{n:03d}": os.urandom(n * 37) for n in range(300)}
    large = os.urandom(21 << 20)

    async def source():
        for start in range(0, len(large), 1_000_003):
            yield large[start : start + 1_000_003]

    async with FaultProxy(seaweedfs.port, EVERYTHING, seed=seed, stall_seconds=3) as proxy:
        options = through(proxy, seaweedfs, retries=PATIENT)
        async with AsyncStorage("seaweedfs", **options) as storage:
            await asyncio.gather(*(storage.put(bucket, key, body) for key, body in bodies.items()))
            await storage.put(bucket, "large", source())
            got = await asyncio.gather(*(storage.get(bucket, key) for key in bodies))
            assert got == list(bodies.values())
            pieces = [piece async for piece in storage.stream(bucket, "large")]
            assert b"".join(pieces) == large
            infos = [entry async for entry in storage.list(bucket, "small/")]
            assert [info.key for info in infos] == list(bodies)
            await asyncio.gather(*(storage.head(bucket, key) for key in bodies))
            for n in range(20):
                await storage.put(bucket, f"once/{n}", str(n), if_absent=True)
                with pytest.raises(PreconditionFailed):
                    await storage.put(bucket, f"once/{n}", b"other", if_absent=True)
                assert await storage.get(bucket, f"once/{n}") == str(n).encode()
            await storage.copy(bucket, "large", "copied")
            await storage.delete_many(bucket, bodies)
            assert [entry async for entry in storage.list(bucket, "small/")] == []
        assert sum(proxy.counts.values()) > 50
        assert len(proxy.counts) >= 6


@pytest.mark.parametrize("operation", ["get", "put", "head", "list"])
async def test_a_stall_is_noticed(seaweedfs, storage, bucket, operation):
    await storage.put(bucket, "key", bytes(100_000))
    async with FaultProxy(seaweedfs.port, Faults(stall=1.0), stall_seconds=30) as proxy:
        options = through(proxy, seaweedfs, read_timeout=0.3, retries=1)
        async with AsyncStorage("s3", **options) as between:
            calls = {
                "get": lambda: between.get(bucket, "key"),
                "put": lambda: between.put(bucket, "key", b"1"),
                "head": lambda: between.head(bucket, "key"),
                "list": lambda: _all(between.list(bucket)),
            }
            async with soon(10):
                with pytest.raises(StorageTimeout) as caught:
                    await calls[operation]()
            assert isinstance(caught.value, TimeoutError)


async def _all(entries):
    return [entry async for entry in entries]


async def test_a_server_that_takes_no_more_is_noticed():
    """The request's body stalls, not the answer."""
    done = asyncio.Event()

    async def accept(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await done.wait()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=1 << 16)
    endpoint = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    keys = {"access_key_id": "a", "secret_access_key": "b"}
    try:
        async with (
            soon(10),
            AsyncStorage("s3", endpoint=endpoint, read_timeout=0.5, retries=0, **keys) as storage,
        ):
            with pytest.raises(StorageTimeout):
                await storage.put("bucket", "key", bytes(15 << 20))
    finally:
        done.set()
        server.close()
        await server.wait_closed()


async def test_a_server_is_killed_in_the_middle_of_an_upload(server_guard, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "own"
    server = await off_loop(start_seaweedfs, folder, server_guard)
    try:
        data = os.urandom(40 << 20)
        file = tmp_path / "file"
        await off_loop(file.write_bytes, data)
        killed = asyncio.Event()

        async def source():
            for start in range(0, len(data), 1 << 20):
                if start == 25 << 20:
                    await off_loop(server.kill)
                    killed.set()
                yield data[start : start + (1 << 20)]

        async def restart():
            await killed.wait()
            await asyncio.sleep(1)
            await off_loop(server.restart)

        options = reached(server, retries=RetryPolicy(150, 0.5, 1.0, on=StorageUnavailable))
        async with AsyncStorage("seaweedfs", **options) as storage:
            await storage.create_bucket("killed")
            again = asyncio.create_task(restart())
            await storage.put("killed", "streamed", source())
            await again
            assert await storage.get("killed", "streamed") == data
            await storage.upload_file(file, "killed", "file", resume=True)
            assert await storage.get("killed", "file") == data
            assert [e.key async for e in storage.list("killed")] == ["file", "streamed"]
    finally:
        await off_loop(server.kill)


STREAM = """
import asyncio, hashlib, json, psutil, sys
from greenlithops.storage.async_storage import AsyncStorage

async def main(options, bucket, mebibytes):
    block = bytes(range(256)) * 4096
    memory, sizes = psutil.Process().memory_info, []
    async def source():
        for _ in range(mebibytes):
            sizes.append(memory().rss)
            yield block
    async with AsyncStorage("seaweedfs", **options) as storage:
        await storage.put(bucket, "warm", block)
        await storage.get(bucket, "warm")
        before = memory().rss
        await storage.put(bucket, "large", source())
        digest, size = hashlib.sha256(), 0
        async for piece in storage.stream(bucket, "large"):
            digest.update(piece)
            size += len(piece)
            sizes.append(memory().rss)
        grown = (max(sizes) - before) >> 20
        print(json.dumps([digest.hexdigest(), size, grown]))

asyncio.run(main(json.loads(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
"""


async def test_a_gibibyte_through_little_memory(seaweedfs, bucket):
    arguments = [json.dumps(reached(seaweedfs)), bucket, "1024"]
    command = [sys.executable, "-W", "error", "-c", STREAM, *arguments]
    done = await off_loop(
        lambda: subprocess.run(command, capture_output=True, text=True, check=False)
    )
    assert done.returncode == 0, done.stderr
    digest, size, grown = json.loads(done.stdout)
    assert size == 1 << 30
    expected = hashlib.sha256()
    block = bytes(range(256)) * 4096
    for _ in range(1024):
        expected.update(block)
    assert digest == expected.hexdigest()
    assert 0 < grown < 64, f"it grew by {grown} MiB"
