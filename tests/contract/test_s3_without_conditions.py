"""An S3 that keeps objects as files and heeds no conditions, when things go wrong."""

import asyncio
import os
import secrets

import pytest
from test_s3 import reached

from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import AccessDenied, InvalidName, NoSuchBucket, StorageUnavailable
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS
from support.servers import start_juicefs

PATIENT = RetryPolicy(attempts=300, delay=0.25, max_delay=0.5, on=StorageUnavailable)


@pytest.fixture
async def storage(juicefs):
    async with AsyncStorage("minio", **reached(juicefs)) as storage:
        yield storage


@pytest.mark.timeout(180)
async def test_a_wrong_secret_is_refused_at_once(juicefs, storage):
    bucket = f"refused-{secrets.token_hex(6)}"
    await storage.create_bucket(bucket)
    for wrong in ({"secret_access_key": "wrong"}, {"access_key_id": "nobody"}):
        async with AsyncStorage("minio", **reached(juicefs, **wrong)) as other:
            for operation in (
                other.get(bucket, "key"),
                other.put(bucket, "key", b"1"),
                other.put(bucket, "key", bytes(20 << 20)),
                other.head(bucket, "key"),
                other.copy(bucket, "key", "other"),
                other.delete(bucket, "key"),
                other.create_bucket("other-bucket"),
            ):
                with pytest.raises(AccessDenied):
                    await operation
    assert [entry async for entry in storage.list(bucket)] == []


async def test_a_missing_bucket_is_told_of_at_once(storage, tmp_path):
    file = tmp_path / "file"
    await off_loop(file.write_bytes, bytes(20 << 20))
    for operation in (
        storage.put("missing-bucket", "key", b"1"),
        storage.put("missing-bucket", "key", bytes(20 << 20)),
        storage.upload_file(file, "missing-bucket", "key"),
        storage.get("missing-bucket", "key"),
        storage.head("missing-bucket", "key"),
        anext(aiter(storage.list("missing-bucket"))),
    ):
        with pytest.raises(NoSuchBucket):
            await operation


@pytest.mark.timeout(180)
@pytest.mark.parametrize("number", range(len(ODD_KEYS)))
async def test_a_key_is_kept_as_it_is_or_refused(storage, number):
    key, bucket = ODD_KEYS[number], f"key-{secrets.token_hex(6)}"
    await storage.create_bucket(bucket)
    try:
        await storage.put(bucket, key, b"content")
    except InvalidName:
        # It makes a folder for a key that ends with a slash, and then refuses the content.
        left = [entry.key async for entry in storage.list(bucket)]
        assert [name for name in left if not name.endswith("/")] == []
        return
    assert await storage.get(bucket, key) == b"content"
    assert (await storage.head(bucket, key)).size == len(b"content")
    assert [entry.key async for entry in storage.list(bucket)] == [key]
    await storage.delete(bucket, key)
    assert not await storage.exists(bucket, key)


@pytest.mark.timeout(180)
async def test_a_server_that_is_away_for_a_while(server_guard, tmp_path):
    server = await off_loop(start_juicefs, tmp_path / "server", server_guard)
    data = os.urandom(24 << 20)
    try:
        async with AsyncStorage("minio", retries=PATIENT, **reached(server)) as storage:
            await storage.create_bucket("away")
            returning = []

            async def stream():
                for start in range(0, len(data), 1 << 20):
                    if start == 12 << 20:
                        await off_loop(server.kill)
                        returning.append(asyncio.create_task(off_loop(server.restart)))
                    yield data[start : start + (1 << 20)]

            await storage.put("away", "key", stream())
            assert await storage.get("away", "key") == data
            await returning[0]
    finally:
        await off_loop(server.kill)
