"""A map over objects of a real S3 server, read by workers in processes of their own."""

import secrets

import pytest

import greenlithops as gl
from greenlithops.errors import ObjectChanged


@pytest.fixture
async def storage(seaweedfs):
    options = {
        "endpoint": seaweedfs.endpoint,
        "access_key_id": seaweedfs.user,
        "secret_access_key": seaweedfs.secret,
    }
    async with gl.AsyncStorage("seaweedfs", **options) as storage:
        yield storage


@pytest.fixture
async def bucket(storage):
    name = f"bucket-{secrets.token_hex(6)}"
    await storage.create_bucket(name)
    yield name
    await storage.delete_many(name, [entry.key async for entry in storage.list(name)])
    await storage.delete_bucket(name)


async def test_parts_of_objects_in_functions_and_coroutines(storage, bucket):
    data = b"".join(b"%d:%s\n" % (n, b"x" * (n % 200)) for n in range(120_000))
    for key in ("logs/1", "logs/2"):
        await storage.put(bucket, key, data)

    def read(obj):
        return obj.key, b"".join(obj)

    async def aread(obj):
        return obj.key, b"".join([chunk async for chunk in obj])

    async with gl.AsyncExecutor(storage=storage, max_workers=2) as executor:
        for function in (read, aread):
            found = await executor.map(function, f"s3://{bucket}/logs/", obj_chunk_size="5 MiB")
            assert [key for key, _ in found] == ["logs/1"] * 3 + ["logs/2"] * 3
            assert b"".join(part for _, part in found) == data * 2
            assert all(part.endswith(b"\n") for _, part in found)
        first, second = await executor.map(aread, [f"{bucket}/logs/*1", f"{bucket}/logs/2"])
        assert first == ("logs/1", data)
        assert second == ("logs/2", data)
        before = await storage.head(bucket, "logs/1")
        await storage.put(bucket, "logs/1", data.upper())
        with pytest.raises(ObjectChanged):
            await executor.map(read, [before])
