"""The contract of S3: SeaweedFS authenticates and heeds conditions, JuiceFS ignores them."""

import asyncio
import secrets

import pytest

from greenlithops.errors import InvalidName
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract


def reached(server, **options):
    """Return the options for a storage on a test's server."""
    return {
        "endpoint": server.endpoint,
        "access_key_id": server.user,
        "secret_access_key": server.secret,
        **options,
    }


def as_files(key):
    """Return whether a server that keeps objects as files can keep this key as it is."""
    steps = key.split("/")
    fine = all(step not in ("", ".", "..") and len(step.encode()) < 256 for step in steps)
    return fine and "\\" not in key


@pytest.fixture
async def bucket(storage):
    name = f"bucket-{secrets.token_hex(6)}"
    await storage.create_bucket(name)
    return name


class TestSeaweedFS(StorageContract):
    # Its filer takes keys for paths; what it would change or lose is refused before.
    odd_keys = tuple(filter(as_files, ODD_KEYS))
    folder_keys = False

    @pytest.fixture
    async def storage(self, seaweedfs, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage("seaweedfs", **reached(seaweedfs)) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage, bucket):
        yield bucket
        # It keeps seven volumes for each bucket, and has room for so many only.
        await storage.delete_many(bucket, [entry.key async for entry in storage.list(bucket)])
        await storage.delete_bucket(bucket)


class TestJuiceFS(StorageContract):
    # It keeps objects as files in folders: a key cannot be the beginning of another one's path,
    # and folders that have become empty are listed.
    odd_keys = tuple(key for key in ODD_KEYS if as_files(key) and "/" not in key)
    folder_keys = False
    conditions = False  # it ignores them, and so they are refused

    @pytest.fixture
    async def storage(self, juicefs, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage("minio", **reached(juicefs)) as storage:
            yield storage

    async def test_other_odd_keys_are_refused(self, storage, bucket):
        """As in the contract, but for those that it keeps where there are no others."""
        for key in ODD_KEYS:
            if {"", ".", ".."}.intersection(key.split("/")):
                with pytest.raises(InvalidName):
                    await storage.put(bucket, key, b"1")

    async def test_listing(self, storage, bucket):
        """As in the contract, but for keys that are folders of others."""
        keys = ["a.b", "a/0/1", "a/0/2", "a/1/1", "b"]
        await asyncio.gather(*(storage.put(bucket, key, key) for key in keys))
        assert [entry.key async for entry in storage.list(bucket)] == keys
        assert [entry async for entry in storage.list(bucket, "a/", delimiter="/")] == [
            "a/0/",
            "a/1/",
        ]
        after = [entry.key async for entry in storage.list(bucket, start_after="a/0/1")]
        assert after == keys[2:]

    async def test_listing_more_than_a_page(self, storage, bucket):
        """As in the contract, in one folder: it lists folders that have become empty."""
        keys = [f"{n:05d}" for n in range(1_100)]
        await asyncio.gather(*(storage.put(bucket, key, b"") for key in keys))
        assert [entry.key async for entry in storage.list(bucket)] == keys
        await storage.delete_many(bucket, keys)
        assert [entry async for entry in storage.list(bucket)] == []

    async def test_cloud_objects(self, storage, bucket):
        """As in the contract, in one folder."""
        one = await storage.put_cloudobject(b"one", bucket, "one")
        assert await storage.get_cloudobject(one) == b"one"
        await storage.delete_cloudobjects([one])
        assert [entry async for entry in storage.list(bucket)] == []
