"""A hundred thousand keys on each server: put, listed in every way, deleted."""

import asyncio
import contextlib
import secrets
import time

import pytest

from greenlithops.storage.async_storage import AsyncStorage

KEYS = 100_000
IN_FLIGHT = 128


def options(name, request, folder):
    """Return the arguments of `AsyncStorage` for a server, which is started for it."""
    if name == "localhost":
        return {"backend": name, "root": folder}
    fixture = {"seaweedfs": "seaweedfs", "gcs": "fake_gcs", "azure": "azurite", "redis": "valkey"}
    server = request.getfixturevalue(fixture[name])
    return {
        "seaweedfs": {
            "endpoint": server.endpoint,
            "access_key_id": server.user,
            "secret_access_key": server.secret,
        },
        "gcs": {"endpoint": server.endpoint, "project": "tests"},
        "azure": {"endpoint": server.endpoint, "account": server.user, "key": server.secret},
        "redis": {"url": server.endpoint},
    }[name] | {"backend": name}


@pytest.mark.heavy
@pytest.mark.timeout(1_800)
@pytest.mark.parametrize("name", ["localhost", "redis", "seaweedfs", "gcs", "azure"])
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
        waiting = iter(keys)

        async def put():
            for key in waiting:
                await storage.put(bucket, key, b"")

        with timed("put"):
            await asyncio.gather(*(put() for _ in range(IN_FLIGHT)))
        with timed("list"):
            assert [entry.key async for entry in storage.list(bucket)] == sorted(keys)
        with timed("list a prefix"):
            some = [entry.key async for entry in storage.list(bucket, "42/")]
            assert some == [key for key in keys if key.startswith("42/")]
        with timed("list folders"):
            folders = [entry async for entry in storage.list(bucket, delimiter="/")]
            assert folders == [f"{n:02d}/" for n in range(97)]
        with timed("delete"):
            await storage.delete_many(bucket, keys)
        assert [entry async for entry in storage.list(bucket)] == []
        await storage.delete_bucket(bucket)
    with capsys.disabled():
        print(f"\n{name}: {KEYS} keys, seconds: {seconds}")
