"""The contract and the trials of S3 on Ceph, a server of other makers than the others."""

import secrets

import pytest
from test_s3 import reached

from greenlithops.errors import UsageError
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import StorageContract
from support.faults import EVERYTHING
from support.trials import StorageTrials

pytestmark = [pytest.mark.ceph, pytest.mark.timeout(600)]


class TestCeph(StorageContract):
    underscores = False  # it would store them as hyphens, and so they are refused

    @pytest.fixture
    async def storage(self, ceph, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage("ceph", **reached(ceph)) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        name = f"bucket-{secrets.token_hex(6)}"
        await storage.create_bucket(name)
        yield name
        await storage.delete_many(name, [entry.key async for entry in storage.list(name)])
        await storage.delete_bucket(name)


async def test_names_of_metadata_stay_what_they_are(ceph):
    async with AsyncStorage("ceph", **reached(ceph)) as storage:
        await storage.create_bucket("metadata")
        for body in (b"1", bytes(17 << 20)):
            with pytest.raises(UsageError, match="hyphens"):
                await storage.put("metadata", "key", body, metadata={"a_b": "c"})
        assert not await storage.exists("metadata", "key")
        await storage.delete_bucket("metadata")


class TestCephTrials(StorageTrials):
    faults = EVERYTHING

    @pytest.fixture
    def server(self, ceph):
        return ceph

    @pytest.fixture
    def lasting(self, ceph):
        return ceph

    def reached(self, server, endpoint):
        return reached(server) | {"backend": "ceph", "endpoint": endpoint}
