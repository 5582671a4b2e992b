"""A hundred thousand keys on each server, and a crowd of requests at the same time.

The emulators look through all objects of a bucket for every page of a listing, and for more than
that. Azurite takes many minutes, and for a deletion longer the more it has, so it is asked for ten
only. fake-gcs-server, which needs longer for each object that it already has, finds them in its
folder instead of being asked to write them.
"""

import asyncio
import contextlib
import os
import secrets
import time

import pytest

from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support.servers import start_azurite, start_fake_gcs

KEYS = 100_000
IN_FLIGHT = 128


CROWD = 5_000
NAMES = [
    *(
        pytest.param(name, marks=pytest.mark.heavy)
        for name in ("localhost", "redis", "seaweedfs", "juicefs", "gcs", "azure")
    ),
    pytest.param("ceph", marks=pytest.mark.ceph),  # it needs root
]
FIXTURES = {
    "seaweedfs": "seaweedfs",
    "juicefs": "juicefs",
    "ceph": "ceph",
    "gcs": "gcs_on_disk",
    "azure": "azure_in_memory",
    "redis": "valkey",
}


@pytest.fixture
def gcs_on_disk(server_guard, tmp_path):
    """In memory it looks through all objects for each one that is put."""
    server = start_fake_gcs(tmp_path / "fake-gcs", server_guard, on_disk=True)
    yield server
    server.kill()


@pytest.fixture
def azure_in_memory(server_guard, tmp_path):
    server = start_azurite(tmp_path / "azurite", server_guard, on_disk=False)
    yield server
    server.kill()


def multiply(folder, pattern, keys):
    """Copy the file of one object, with what fake-gcs-server knows of it, under other keys."""
    source = folder / pattern
    known = [(name, os.getxattr(source, name)) for name in os.listxattr(source)]
    for key in keys:
        path = folder / key
        path.parent.mkdir(exist_ok=True)
        path.touch()
        for name, value in known:
            os.setxattr(path, name, value)


def options(name, request, folder):
    """Return the arguments of `AsyncStorage` for a server, which is started for it."""
    if name == "localhost":
        return {"backend": name, "root": folder}
    server = request.getfixturevalue(FIXTURES[name])
    signed = {
        "endpoint": server.endpoint,
        "access_key_id": server.user,
        "secret_access_key": server.secret,
    }
    return {
        "seaweedfs": signed | {"backend": name},
        "juicefs": signed | {"backend": "minio"},
        "ceph": signed | {"backend": name},
        "gcs": {"backend": name, "endpoint": server.endpoint, "project": "tests"},
        "azure": {
            "backend": name,
            "endpoint": server.endpoint,
            "account": server.user,
            "key": server.secret,
            "read_timeout": 600,  # it answers one request at a time
            "connect_timeout": 600,
        },
        "redis": {"backend": name, "url": server.endpoint},
    }[name]


async def emptied(name, storage, bucket):
    """Delete a bucket that nothing is left in."""
    left = [entry.key async for entry in storage.list(bucket)]
    if name == "juicefs":  # it lists folders that have become empty, and keeps them
        assert all(key.endswith("/") for key in left)
        return
    assert left == []
    await storage.delete_bucket(bucket)


async def put_all(storage, bucket, keys):
    waiting = iter(keys)

    async def put():
        for key in waiting:
            await storage.put(bucket, key, b"")

    await asyncio.gather(*(put() for _ in range(IN_FLIGHT)))


@pytest.mark.timeout(7_200)
@pytest.mark.parametrize("name", NAMES)
async def test_a_hundred_thousand_keys_are_listed(name, server_guard, request, tmp_path, capsys):
    seconds = {}

    @contextlib.contextmanager
    def timed(what):
        start = time.perf_counter()
        yield
        seconds[what] = round(time.perf_counter() - start, 1)

    bucket = f"heavy-{secrets.token_hex(6)}"
    keys = [f"{n % 97:02d}/{n:06d}" for n in range(KEYS)]
    chosen = options(name, request, tmp_path / "objects")
    async with AsyncStorage(concurrency=IN_FLIGHT, **chosen) as storage:
        await storage.create_bucket(bucket)
        if name == "gcs":
            await storage.put(bucket, "first", b"")
            folder = tmp_path / "fake-gcs" / "data" / bucket
            await off_loop(multiply, folder, "first", keys)
            await storage.delete(bucket, "first")
        else:
            with timed("put"):
                await put_all(storage, bucket, keys)
        with timed("list"):
            assert [entry.key async for entry in storage.list(bucket)] == sorted(keys)
        with timed("list a prefix"):
            some = [entry.key async for entry in storage.list(bucket, "42/")]
            assert some == [key for key in keys if key.startswith("42/")]
        with timed("list folders"):
            folders = [entry async for entry in storage.list(bucket, delimiter="/")]
            assert folders == [f"{n:02d}/" for n in range(97)]
        if name == "azure":
            with timed("delete ten"):
                await storage.delete_many(bucket, some[:10])
            assert [entry.key async for entry in storage.list(bucket, "42/")] == some[10:]
        elif name != "gcs":
            with timed("delete"):
                await storage.delete_many(bucket, keys)
            await emptied(name, storage, bucket)
    with capsys.disabled():
        print(f"\n{name}: {KEYS} keys, seconds: {seconds}")


@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", NAMES)
async def test_five_thousand_requests_in_flight(name, server_guard, request, tmp_path):
    bucket = f"crowd-{secrets.token_hex(6)}"
    chosen = options(name, request, tmp_path / "objects")
    bodies = {f"{n:04d}": os.urandom(n % 500) for n in range(CROWD)}
    async with AsyncStorage(concurrency=CROWD, **chosen) as storage:
        await storage.create_bucket(bucket)
        await asyncio.gather(*(storage.put(bucket, *item) for item in bodies.items()))
        got = await asyncio.gather(*(storage.get(bucket, key) for key in bodies))
        assert got == list(bodies.values())
        listed = [(entry.key, entry.size) async for entry in storage.list(bucket)]
        assert listed == [(key, len(body)) for key, body in bodies.items()]
        await storage.delete_many(bucket, bodies)
        await emptied(name, storage, bucket)
