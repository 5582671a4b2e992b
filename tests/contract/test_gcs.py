"""Google Cloud Storage keeps the contract, against fake-gcs-server."""

import contextlib
import json
import secrets

import pytest
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.backends.storage.gcs.crc32c import checksum, joined
from greenlithops.backends.storage.gcs.values import with_resource
from greenlithops.errors import (
    AccessDenied,
    ConfigurationError,
    NoSuchKey,
    StorageUnavailable,
    UsageError,
)
from greenlithops.objects import Part, PutOptions
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.storage import ODD_KEYS, StorageContract
from support.answering import serving
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


@contextlib.asynccontextmanager
async def tokens(status, folder):
    """Give a service account's file, and what its token server was asked; it answers `status`."""
    asked = []

    async def answer(request):
        asked.append(await request.post())
        if status != 200:
            return web.json_response({"error": "invalid_grant"}, status=status)
        return web.json_response({"access_token": "the-token", "expires_in": 3600})

    application = web.Application()
    application.router.add_post("/token", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path = folder / "service.json"
    port = runner.addresses[0][1]
    account = {
        "type": "service_account",
        "project_id": "the-project",
        "client_email": "someone@example.com",
        "private_key": pem.decode(),
        "token_uri": f"http://127.0.0.1:{port}/token",
    }
    await off_loop(path.write_text, json.dumps(account))
    try:
        yield path, asked
    finally:
        await runner.cleanup()


async def test_a_service_account_gets_a_token_once(fake_gcs, tmp_path):
    bucket = f"bucket-{secrets.token_hex(6)}"
    async with (
        tokens(200, tmp_path) as (path, asked),
        AsyncStorage(
            "gcp_storage", endpoint=fake_gcs.endpoint, credentials_path=path, anonymous=False
        ) as storage,
    ):
        await storage.create_bucket(bucket)
        await storage.put(bucket, "key", b"1")
        assert await storage.get(bucket, "key") == b"1"
        assert len(asked) == 1
        url = await storage.presigned_url(bucket, "ä key", seconds=60)
        assert "X-Goog-Signature=" in url
        assert "someone%40example.com" in url
        with pytest.raises(UsageError):
            await storage.presigned_url(bucket, "key", seconds=10_000_000)


async def test_refused_credentials_are_an_error_at_once(fake_gcs, tmp_path):
    async with tokens(400, tmp_path) as (path, asked):
        options = {"endpoint": fake_gcs.endpoint, "service_file": path, "anonymous": False}
        async with AsyncStorage("gcs", **options) as storage:
            with pytest.raises(AccessDenied):
                await storage.get("bucket", "key")
        assert len(asked) == 1


async def test_a_token_server_that_is_down_is_asked_again(fake_gcs, tmp_path):
    async with tokens(503, tmp_path) as (path, _):
        options = {"endpoint": fake_gcs.endpoint, "service_file": path, "anonymous": False}
        async with AsyncStorage("gcs", retries=1, **options) as storage:
            with pytest.raises(StorageUnavailable):
                await storage.get("bucket", "key")


async def test_a_file_that_has_no_credentials(tmp_path):
    path = tmp_path / "service.json"
    for text in (None, "{", "{}"):
        if text is not None:
            await off_loop(path.write_text, text)
        with pytest.raises(ConfigurationError):
            async with AsyncStorage("gcs", service_file=path):
                pass


async def test_parts_are_hidden_until_they_are_asked_for(fake_gcs):
    bucket = f"bucket-{secrets.token_hex(6)}"
    async with AsyncStorage("gcs", endpoint=fake_gcs.endpoint) as storage:
        await storage.create_bucket(bucket)
        backend = storage.backend
        upload = await backend.start_upload(bucket, "key", PutOptions())
        parts = [await backend.put_part(upload, n, bytes([n]) * 100) for n in range(1, 71)]
        assert [entry async for entry in storage.list(bucket)] == []
        assert [entry async for entry in storage.list(bucket, delimiter="/")] == []
        hidden = [entry async for entry in storage.list(bucket, ".greenlithops-parts/")]
        assert len(hidden) == 71
        # More than are joined at once.
        await backend.finish_upload(upload, parts, PutOptions())
        assert await storage.get(bucket, "key") == b"".join(bytes([n]) * 100 for n in range(1, 71))
        assert [entry.key async for entry in storage.list(bucket)] == ["key"]
        assert [entry async for entry in storage.list(bucket, ".greenlithops-parts/")] == []


@contextlib.asynccontextmanager
async def answered(status, text):
    """Give a storage whose every request is answered like that."""

    async def serve(reader, writer):
        while True:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(
                f"HTTP/1.1 {status} X\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode()
            )

    async with serving(serve) as port:
        endpoint = f"http://127.0.0.1:{port}"
        async with AsyncStorage("gcs", endpoint=endpoint, retries=0) as storage:
            yield storage


@pytest.mark.parametrize("key", ["sums.md5", "crc32c/1"])
async def test_a_missing_object_is_missing_whatever_its_name(key):
    """Google's message has the name in it."""
    async with answered(404, f"No such object: bucket/{key}") as storage:
        assert not await storage.exists("bucket", key)
        with pytest.raises(NoSuchKey):
            await storage.get("bucket", key)


async def test_an_answer_that_is_no_json_may_be_asked_for_again():
    async with answered(200, '{"name": "ke') as storage:
        with pytest.raises(StorageUnavailable, match="cannot be read"):
            await storage.head("bucket", "key")


async def test_an_object_that_is_itself_a_request_to_put_one(fake_gcs):
    bucket = f"bucket-{secrets.token_hex(6)}"
    _, content = with_resource({"contentType": "text/plain"}, b"x")
    async with AsyncStorage("gcs", endpoint=fake_gcs.endpoint) as storage:
        await storage.create_bucket(bucket)
        await storage.put(bucket, "key", content)
        assert await storage.get(bucket, "key") == content


@given(st.lists(st.binary(max_size=200), max_size=8))
def test_checksums_are_joined(pieces):
    parts = [Part(n, "", len(piece), checksum(piece)) for n, piece in enumerate(pieces)]
    assert joined(parts) == checksum(b"".join(pieces))
