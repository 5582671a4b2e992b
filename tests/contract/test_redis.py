"""Redis keeps the contract, against Valkey."""

import secrets

import pytest

from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import StorageContract


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
