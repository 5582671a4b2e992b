"""Redis keeps the contract, against Valkey."""

import secrets

import pytest
import redis.asyncio as redis

from greenlithops.errors import (
    AccessDenied,
    ChecksumMismatch,
    PreconditionFailed,
    StorageError,
    StorageFull,
    StorageUnavailable,
    UsageError,
)
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import StorageContract
from support.faults import STREAM
from support.trials import StorageTrials

# Empty objects as the backend lays them out, in a second instead of in half a minute.
FILL = """
for n = ARGV[3], ARGV[4] - 1 do
  local key = string.format('%06d', n)
  redis.call('HSET', ARGV[1] .. key, 'size', 0, 'etag', n, 'modified', 1, 'type', '', 'crc', 0)
  redis.call('ZADD', ARGV[2], 0, key)
end
"""


class TestRedis(StorageContract):
    presigned = False  # Redis has no URLs

    @pytest.fixture
    async def storage(self, valkey, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage("redis", url=valkey.endpoint) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        name = f"bucket-{secrets.token_hex(6)}"
        await storage.create_bucket(name)
        return name


class TestRedisTrials(StorageTrials):
    http = False
    faults = STREAM

    @pytest.fixture
    def server(self, valkey):
        return valkey

    @pytest.fixture
    def lasting(self, valkey):
        return valkey  # it has written everything that it has confirmed

    def reached(self, server, endpoint):
        return {"backend": "redis", "url": endpoint}

    async def test_a_long_listing(self, server):
        bucket, count = f"long-{secrets.token_hex(6)}", 100_000
        keys = [f"{n:06d}" for n in range(count)]
        async with self.opened(server) as storage, redis.Redis(port=server.port) as admin:
            await storage.create_bucket(bucket)
            places = f"greenlithops/info/{bucket}/", f"greenlithops/index/{bucket}"
            for first in range(0, count, 5_000):  # at once it takes longer than a server answers
                await admin.eval(FILL, 0, *places, first, first + 5_000)
            assert [entry.key async for entry in storage.list(bucket)] == keys
            after = [entry.key async for entry in storage.list(bucket, start_after=keys[60_000])]
            assert after == keys[60_001:]
            entries = [entry async for entry in storage.list(bucket, delimiter="0")]
            names = [entry if isinstance(entry, str) else entry.key for entry in entries]
            assert names == sorted({key[: key.find("0") + 1] or key for key in keys})
            await storage.delete_many(bucket, keys)
            assert [entry async for entry in storage.list(bucket)] == []


async def test_wrong_passwords_are_refused_at_once(valkey_with_password):
    port = valkey_with_password.port
    for password in ("wrong", None):
        async with AsyncStorage("redis", host="127.0.0.1", port=port, password=password) as storage:
            for attempt in (storage.create_bucket("bucket"), storage.put("bucket", "key", b"1")):
                with pytest.raises(AccessDenied):
                    await attempt
    async with AsyncStorage(
        "redis", host="127.0.0.1", port=port, password=valkey_with_password.secret
    ) as storage:
        await storage.create_bucket("bucket")
        assert "correct-horse" not in repr(storage.backend)


async def test_a_user_who_may_not(valkey):
    async with (
        redis.Redis(port=valkey.port) as admin,
        AsyncStorage("redis", port=valkey.port, username="guest", password="pw") as guest,
    ):
        await admin.execute_command("ACL", "SETUSER", "guest", "on", ">pw", "+@connection")
        with pytest.raises(AccessDenied):
            await guest.create_bucket("bucket")


async def test_a_full_server_says_so(valkey):
    async with (
        redis.Redis(port=valkey.port) as admin,
        AsyncStorage("redis", port=valkey.port) as storage,
    ):
        await storage.create_bucket("full")
        await admin.config_set("maxmemory", 1)
        try:
            with pytest.raises(StorageFull):
                await storage.put("full", "key", b"1")
        finally:
            await admin.config_set("maxmemory", 0)


async def test_a_server_that_is_not_there():
    async with AsyncStorage("redis", port=1, retries=0) as storage:
        with pytest.raises(StorageUnavailable):
            await storage.put("bucket", "key", b"1")


async def test_altered_objects_are_noticed(valkey):
    async with (
        redis.Redis(port=valkey.port) as admin,
        AsyncStorage("redis", port=valkey.port) as storage,
    ):
        await storage.create_bucket("altered")
        await storage.put("altered", "key", b"some bytes")
        await admin.setrange("greenlithops/data/altered/key", 3, b"X")
        with pytest.raises(ChecksumMismatch):
            await storage.get("altered", "key")
        await admin.delete("greenlithops/data/altered/key")
        with pytest.raises(StorageError, match="evict"):
            await storage.get("altered", "key")


async def test_an_object_that_is_replaced_while_it_is_read(valkey):
    async with AsyncStorage("redis", port=valkey.port) as storage:
        await storage.create_bucket("replaced")
        await storage.put("replaced", "key", bytes(9 << 20))
        stream = storage.stream("replaced", "key")
        assert await anext(stream)
        await storage.put("replaced", "key", b"other")
        with pytest.raises(PreconditionFailed):
            [piece async for piece in stream]


async def test_the_whole_of_an_object_that_is_replaced_is_one_of_both(valkey):
    async with AsyncStorage("redis", port=valkey.port) as storage:
        await storage.create_bucket("whole")
        first = await storage.put("whole", "key", bytes(9 << 20))
        async with storage.backend.open("whole", "key") as body:
            await storage.put("whole", "key", b"other")
            assert await body.read() == b"other"
        await storage.put("whole", "key", bytes(9 << 20))
        with pytest.raises(PreconditionFailed):
            await storage.get("whole", "key", if_match=first.etag)


def test_options_that_redis_does_not_have():
    with pytest.raises(UsageError, match="hots"):
        AsyncStorage("redis", hots="localhost")
