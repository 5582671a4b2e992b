"""Google Cloud Storage keeps the contract, against fake-gcs-server."""

import secrets

import pytest

from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract


class TestGcs(StorageContract):
    # The service refuses them, and so does the backend.
    odd_keys = tuple(key for key in ODD_KEYS if key != ".." and "\n" not in key)
    presigned = False  # signing needs a service account, which the emulator does not have

    @pytest.fixture
    async def storage(self, fake_gcs, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage("gcs", endpoint=fake_gcs.endpoint, project="tests") as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        name = f"bucket-{secrets.token_hex(6)}"
        await storage.create_bucket(name)
        return name
