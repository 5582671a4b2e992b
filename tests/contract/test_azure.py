"""Azure Blob Storage keeps the contract, against Azurite."""

import base64
import secrets

import pytest

from greenlithops.backends.storage.azure.names import check_blob
from greenlithops.errors import AccessDenied, InvalidName, UsageError
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract
from support.faults import EVERYTHING
from support.servers import start_azurite
from support.trials import StorageTrials


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


class TestAzureTrials(StorageTrials):
    faults = EVERYTHING

    @pytest.fixture
    def server(self, azurite):
        return azurite

    @pytest.fixture
    def lasting(self, server_guard, tmp_path):
        server = start_azurite(tmp_path / "azurite", server_guard)
        yield server
        server.kill()

    def leave(self, server):
        server.stop()  # killed at once, it would forget the blocks of the last seconds

    def reached(self, server, endpoint):
        return {
            "backend": "azure",
            "endpoint": endpoint,
            "account": server.user,
            "key": server.secret,
        }


async def test_wrong_keys_are_refused_at_once(azurite):
    wrong = base64.b64encode(b"wrong").decode()
    async with AsyncStorage(
        "azure", account=azurite.user, key=wrong, endpoint=azurite.endpoint
    ) as storage:
        for attempt in (
            storage.create_bucket("bucket"),
            storage.put("bucket", "key", b"1"),
            storage.head("bucket", "key"),
        ):
            with pytest.raises(AccessDenied):
                await attempt
        assert wrong not in repr(storage.backend)
    with pytest.raises(UsageError, match="base 64"):
        AsyncStorage("azure", account="tests", key="no key!")
