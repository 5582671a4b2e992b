"""The way to a storage: connections, as many as may be and used again, and proxies."""

import asyncio
import secrets

import pytest
from test_s3 import reached
from yarl import URL

from greenlithops.backends.storage.connections import Connections
from greenlithops.errors import ConfigurationError, StorageError, StorageUnavailable
from greenlithops.storage.async_storage import AsyncStorage
from support.answering import OK, request, serving
from support.clock import BUSY, soon
from support.passing import Proxy


@pytest.fixture(autouse=True)
def no_other_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.mark.parametrize("method", ["GET", "PUT", "POST", "DELETE", "HEAD"])
async def test_a_connection_that_is_closed_when_it_is_used_again(method):
    """A request that can be repeated is; one that cannot is left to who knows what it does."""
    connections_made = 0

    async def serve(reader, writer):
        nonlocal connections_made
        connections_made += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK if method != "HEAD" else OK.removesuffix(b"abc"))
        await reader.readuntil(b"\r\n\r\n")

    async with soon(BUSY), serving(serve) as port:
        connections = Connections(connect_timeout=BUSY, read_timeout=BUSY)
        await connections.open()
        url = URL(f"http://127.0.0.1:{port}/bucket/key")

        async def ask():
            answer = await connections.request(method, url, {}, b"", bucket="bucket", key="key")
            assert (
                await connections.read(answer, "bucket", "key") == b"abc"[: 3 * (method != "HEAD")]
            )

        try:
            await ask()
            if method == "POST":
                with pytest.raises(StorageUnavailable):
                    await ask()
            await ask()
            assert connections_made == 2
        finally:
            await connections.close()


async def test_a_first_connection_that_is_closed_is_an_error():
    async def serve(reader, writer):
        await request(reader)

    async with soon(BUSY), serving(serve) as port:
        connections = Connections(connect_timeout=BUSY, read_timeout=BUSY)
        await connections.open()
        url = URL(f"http://127.0.0.1:{port}/bucket")
        try:
            with pytest.raises(StorageUnavailable, match="closed"):
                await connections.request("PUT", url, {}, b"1", bucket="bucket", key=None)
        finally:
            await connections.close()


async def test_a_storage_behind_a_proxy(seaweedfs, monkeypatch):
    name = f"behind-{secrets.token_hex(6)}"
    async with soon(60), Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://user:pass@127.0.0.1:{proxy.port}")
        there = URL(seaweedfs.endpoint).with_host("s3.invalid")
        options = reached(seaweedfs, endpoint=str(there.origin()))
        async with AsyncStorage("seaweedfs", **options) as storage:
            await storage.create_bucket(name)
            await storage.put(name, "a key/ü", bytes(3_000_000))
            assert await storage.get(name, "a key/ü") == bytes(3_000_000)
            assert [entry.key async for entry in storage.list(name)] == ["a key/ü"]
            await storage.delete(name, "a key/ü")
            await storage.delete_bucket(name)
    ours = [head for head in proxy.heads if "a%20key" in head]
    assert ours
    for head in ours:
        assert f" http://s3.invalid:{there.port}/{name}/a%20key/%C3%BC" in head.partition("\r\n")[0]
        assert "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head


async def test_a_proxy_that_lets_nobody_through(seaweedfs, monkeypatch):
    async with soon(60), Proxy(b"403 Forbidden") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        options = reached(seaweedfs, endpoint="https://s3.invalid")
        async with AsyncStorage("seaweedfs", **options) as storage:
            with pytest.raises(StorageError, match="403 Forbidden"):
                await storage.get("bucket", "key")
    assert len(proxy.heads) == 1


async def test_a_proxy_of_another_kind(seaweedfs, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    options = reached(seaweedfs, endpoint="http://s3.invalid")
    async with soon(60), AsyncStorage("seaweedfs", **options) as storage:
        with pytest.raises(ConfigurationError, match="socks5"):
            await storage.get("bucket", "key")


@pytest.mark.parametrize(
    ("name", "options"), [("gcs", {}), ("azure", {"account": "a", "key": "YQ=="})]
)
async def test_no_more_deletions_at_once_than_was_asked_for(name, options):
    asked, at_once = set(), [0]

    async def serve(reader, writer):
        while True:
            asked.add((await reader.readuntil(b"\r\n\r\n")).partition(b"\r\n")[0])
            at_once.append(at_once[-1] + 1)
            await asyncio.sleep(0.005)
            at_once.append(at_once[-1] - 1)
            writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    async with soon(BUSY), serving(serve) as port:
        endpoint = f"http://127.0.0.1:{port}"
        async with AsyncStorage(name, concurrency=3, endpoint=endpoint, **options) as storage:
            await storage.delete_many("bucket", map(str, range(100)))
    assert len(asked) == 100
    assert max(at_once) <= 3
