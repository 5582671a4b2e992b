"""Azure Blob Storage keeps the contract, against Azurite."""

import secrets

import pytest

from greenlithops.backends.storage.azure.names import check_blob
from greenlithops.errors import InvalidName
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract


def possible(key):
    try:
        check_blob("bucket", key)
    except InvalidName:
        return False
    return True


class TestAzure(StorageContract):
    # Azure has no dots at the end of a step, no backslashes and no control characters.
    odd_keys = tuple(filter(possible, ODD_KEYS))

    @pytest.fixture
    async def storage(self, azurite, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        options = {"account": azurite.user, "key": azurite.secret, "endpoint": azurite.endpoint}
        async with AsyncStorage("azure", **options) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        name = f"bucket-{secrets.token_hex(6)}"
        await storage.create_bucket(name)
        return name
