"""Google Cloud Storage keeps the contract, against fake-gcs-server."""

import secrets

import pytest

from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract
from support.faults import EVERYTHING
from support.servers import start_fake_gcs
from support.trials import StorageTrials


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


class TestGcsTrials(StorageTrials):
    faults = EVERYTHING

    @pytest.fixture
    def server(self, fake_gcs):
        return fake_gcs

    @pytest.fixture
    def lasting(self, server_guard, tmp_path):
        server = start_fake_gcs(tmp_path / "fake-gcs", server_guard, on_disk=True)
        yield server
        server.kill()

    def reached(self, server, endpoint):
        return {"backend": "gcs", "endpoint": endpoint}
