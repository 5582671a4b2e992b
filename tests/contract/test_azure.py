"""Azure Blob Storage keeps the contract, against Azurite."""

import base64
import secrets
import time
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError
from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas
from yarl import URL

from greenlithops.backends.storage.azure import backend, documents
from greenlithops.backends.storage.azure.access import Access, Account
from greenlithops.backends.storage.azure.failures import failed
from greenlithops.backends.storage.azure.names import check_blob
from greenlithops.backends.storage.web import Refusal
from greenlithops.errors import (
    AccessDenied,
    InvalidName,
    NoSuchKey,
    NotSupported,
    StorageUnavailable,
    UsageError,
)
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

    async def test_pages_are_one_listing(self, storage, bucket, monkeypatch):
        monkeypatch.setattr(backend, "PAGE", 4)
        keys = sorted(f"{n % 3}/{n:02d}" for n in range(27))
        for key in keys:
            await storage.put(bucket, key, b"")
        assert [entry.key async for entry in storage.list(bucket)] == keys
        after = [entry.key async for entry in storage.list(bucket, start_after=keys[10])]
        assert after == keys[11:]
        assert [entry async for entry in storage.list(bucket, delimiter="/")] == ["0/", "1/", "2/"]


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


async def test_other_ways_in(azurite):
    name, key, url = azurite.user, azurite.secret, azurite.endpoint
    text = f"AccountName={name};AccountKey={key};BlobEndpoint={url};"
    bucket = f"ways-{secrets.token_hex(6)}"
    async with AsyncStorage("azure_storage", connection_string=text) as storage:
        await storage.create_bucket(bucket)
        await storage.put(bucket, "a key", b"content")
        assert key not in repr(storage.backend)
    token = generate_account_sas(
        name,
        key,
        ResourceTypes(object=True, container=True),
        AccountSasPermissions(read=True, list=True),
        datetime.now(UTC) + timedelta(minutes=5),
    )
    async with AsyncStorage("azure", account=name, endpoint=url, sas_token=token) as storage:
        assert await storage.get(bucket, "a key") == b"content"
        assert [entry.key async for entry in storage.list(bucket)] == ["a key"]
        with pytest.raises(AccessDenied):
            await storage.put(bucket, "other", b"1")
        with pytest.raises(NotSupported):
            await storage.presigned_url(bucket, "a key")


async def test_signatures_are_enough_for_parts_and_copies(azurite):
    name, url, bucket = azurite.user, azurite.endpoint, f"signed-{secrets.token_hex(6)}"
    async with AsyncStorage("azure", account=name, key=azurite.secret, endpoint=url) as storage:
        await storage.create_bucket(bucket)
    token = generate_account_sas(
        name,
        azurite.secret,
        ResourceTypes(object=True, container=True),
        AccountSasPermissions(read=True, list=True, write=True, create=True, delete=True),
        datetime.now(UTC) + timedelta(minutes=5),
    )
    data = bytes(range(256)) * (20 << 12)
    async with AsyncStorage("azure", account=name, endpoint=url, sas_token=token) as storage:
        await storage.put(bucket, "in parts", data)
        await storage.copy(bucket, "in parts", "copied")
        assert await storage.get(bucket, "copied") == data
        everything = storage.list(bucket, ".greenlithops-parts/")
        assert [entry async for entry in everything] == []


async def test_urls_work_without_credentials(azurite):
    names = {"storage_account_name": azurite.user, "storage_account_key": azurite.secret}
    bucket = f"urls-{secrets.token_hex(6)}"
    async with (
        AsyncStorage("azure", endpoint=azurite.endpoint, **names) as storage,
        aiohttp.ClientSession() as session,
    ):
        await storage.create_bucket(bucket)
        put = await storage.presigned_url(bucket, "ä key/%", method="PUT")
        headers = {"x-ms-blob-type": "BlockBlob"}
        async with session.put(URL(put, encoded=True), data=b"data", headers=headers) as answer:
            assert answer.status == 201
        get = await storage.presigned_url(bucket, "ä key/%")
        async with session.get(URL(get, encoded=True)) as answer:
            assert await answer.read() == b"data"
        async with session.put(URL(get, encoded=True), data=b"other", headers=headers) as answer:
            assert answer.status == 403


@pytest.mark.parametrize(("status", "error"), [(404, NoSuchKey), (500, StorageUnavailable)])
def test_a_source_that_could_not_be_looked_at_may_be_there(status, error):
    headers = {"x-ms-error-code": "CannotVerifyCopySource"}
    assert type(failed(Refusal(status, headers, b""), "bucket", "key")) is error


async def test_the_end_of_an_object_that_is_replaced_meanwhile(azurite, monkeypatch):
    bucket = f"bucket-{secrets.token_hex(6)}"
    options = {"account": azurite.user, "key": azurite.secret, "endpoint": azurite.endpoint}
    async with AsyncStorage("azure", **options) as storage:
        await storage.create_bucket(bucket)
        await storage.put(bucket, "key", b"before")
        ask = storage.backend.head

        async def head(*names):
            monkeypatch.undo()
            info = await ask(*names)
            await storage.put(bucket, "key", b"afterwards")
            return info

        monkeypatch.setattr(storage.backend, "head", head)
        assert await storage.get(bucket, "key", -3) == b"rds"


async def test_names_that_azure_would_change_are_refused(azurite):
    options = {"account": azurite.user, "key": azurite.secret, "endpoint": azurite.endpoint}
    async with AsyncStorage("azure", **options) as storage:
        for key in ("..", "a/../b", "a.", "back\\slash", "tab\t"):
            with pytest.raises(InvalidName):
                await storage.put("bucket", key, b"1")


def test_listed_names_that_xml_cannot_hold():
    names = b'<Blob><Name Encoded="true">%EF%BF%BE%25</Name></Blob><Blob><Name>%25</Name></Blob>'
    data = b"<EnumerationResults><Blobs>%b</Blobs></EnumerationResults>" % names
    assert [entry.key for entry in documents.page(data, "b", "").objects] == ["\ufffe%", "%25"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"account": "a", "key": "YQ==", "sas_token": "sig=1"},
        {"connection_string": "nonsense"},
        {"account": "a", "endpoint": "ftp://host"},
    ],
)
def test_options_that_say_too_little_or_too_much(options):
    with pytest.raises(UsageError):
        AsyncStorage("azure", **options)


class Tokens:
    """A credential as Azure's SDK has them, whose tokens last for some seconds."""

    def __init__(self, seconds=3_600, error=None):
        self.given = 0
        self._seconds = seconds
        self._error = error

    async def get_token(self, *scopes):
        if self._error:
            raise self._error
        self.given += 1
        return AccessToken(f"token {self.given}", int(time.time()) + self._seconds)


@pytest.mark.parametrize(("seconds", "given"), [(3_600, 1), (60, 3)])
async def test_tokens_are_used_until_shortly_before_their_end(seconds, given):
    tokens = Tokens(seconds)
    access = Access(Account("name", "https://name.example", credential=tokens))
    for _ in range(3):
        url, headers = await access.allowed("GET", "https://name.example/b/k", {"a": "b c"}, {})
        assert url == "https://name.example/b/k?a=b%20c"
        assert headers["authorization"] == f"Bearer token {tokens.given}"
    assert tokens.given == given


@pytest.mark.parametrize(
    ("error", "becomes"),
    [(ClientAuthenticationError(), AccessDenied), (ServiceRequestError(""), StorageUnavailable)],
)
async def test_tokens_that_do_not_come(error, becomes):
    access = Access(Account("name", "https://name.example", credential=Tokens(error=error)))
    with pytest.raises(becomes):
        await access.allowed("GET", "https://name.example", {}, {})
