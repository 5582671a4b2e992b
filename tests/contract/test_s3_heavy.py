"""S3 with very many keys."""

import asyncio
import secrets

import pytest
from test_s3 import reached

from greenlithops.storage.async_storage import AsyncStorage

KEYS = 100_000
IN_FLIGHT = 128


@pytest.mark.heavy
@pytest.mark.timeout(600)
async def test_a_hundred_thousand_keys_are_listed(seaweedfs):
    bucket = f"heavy-{secrets.token_hex(6)}"
    keys = [f"{n % 97:02d}/{n:06d}" for n in range(KEYS)]
    async with AsyncStorage("seaweedfs", concurrency=IN_FLIGHT, **reached(seaweedfs)) as storage:
        await storage.create_bucket(bucket)
        waiting = iter(keys)

        async def put():
            for key in waiting:
                await storage.put(bucket, key, b"")

        await asyncio.gather(*(put() for _ in range(IN_FLIGHT)))
        assert [entry.key async for entry in storage.list(bucket)] == sorted(keys)
        some = [entry.key async for entry in storage.list(bucket, "42/")]
        assert some == [key for key in keys if key.startswith("42/")]
        folders = [entry async for entry in storage.list(bucket, delimiter="/")]
        assert folders == [f"{n:02d}/" for n in range(97)]
        await storage.delete_many(bucket, keys)
        assert [entry async for entry in storage.list(bucket)] == []
        await storage.delete_bucket(bucket)
