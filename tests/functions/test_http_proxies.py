"""Services that are reached by the proxy that the environment names: a real one, of these tests."""

import asyncio
import contextlib
import ssl

import pytest
import trustme

import greenlithops as gl
from greenlithops.backends.compute.http.backend import HttpBackend
from greenlithops.backends.compute.http.client import Client
from greenlithops.backends.compute.rest import Rest
from greenlithops.backends.http.dialer import trusted
from greenlithops.errors import ConfigurationError, ServiceRefused, ServiceUnavailable
from greenlithops.offload import off_loop
from support.clock import soon
from support.passing import Proxy

KEY = "the key of these tests"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


@contextlib.asynccontextmanager
async def answering(tls=None):
    """Serve an answer to every request; give the port."""

    async def serve(reader, writer):
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                if b"content-length: 1\r" in head.lower():
                    await reader.readexactly(1)
                writer.write(OK)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls) as server:
        yield server.sockets[0].getsockname()[1]


@pytest.fixture(autouse=True)
def no_other_proxies(monkeypatch):
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def authority(monkeypatch, tmp_path):
    """What signs certificates that clients trust."""
    found, place = trustme.CA(), tmp_path / "trusted.pem"
    found.cert_pem.write_to_path(place)
    monkeypatch.setenv("SSL_CERT_FILE", str(place))
    trusted.cache_clear()
    yield found
    trusted.cache_clear()


async def test_a_service_behind_a_proxy(serve, monkeypatch):
    server = await off_loop(serve)
    async with soon(40), Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://us%40er:pass@127.0.0.1:{proxy.port}")
        backend = HttpBackend(f"http://calls.invalid:{server.port}/", KEY)
        async with gl.AsyncExecutor(backend, chunksize=2) as executor:
            assert await executor.map(abs, range(-20, 0)) == list(range(20, 0, -1))
    assert proxy.heads[0].startswith(f"POST http://calls.invalid:{server.port}/ HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic dXNAZXI6cGFzcw==\r\n" in proxy.heads[0]


async def test_tls_through_a_proxy(monkeypatch, authority):
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("calls.invalid").configure_cert(context)
    async with soon(40), answering(context) as port, Proxy() as proxy:
        monkeypatch.setenv("https_proxy", f"user:pass@127.0.0.1:{proxy.port}")
        client = Client(f"https://calls.invalid:{port}/", 10.0, {})
        for _ in range(3):
            assert (await client.ask(b"x")).body == b"{}"
        await client.close()
        (head,) = proxy.heads
        assert head.startswith(f"CONNECT calls.invalid:{port} HTTP/1.1\r\n")
        assert "Proxy-Authorization: Basic dXNlcjpwYXNz\r\n" in head


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (b"407 Proxy Authentication Required", ServiceRefused),
        (b"502 Bad Gateway", ServiceUnavailable),
        (b"nonsense", ServiceRefused),
    ],
)
async def test_a_proxy_that_does_not_let_through(monkeypatch, status, error):
    async with soon(40), Proxy(status) as proxy:
        monkeypatch.setenv("ALL_PROXY", f"http://user:secret@127.0.0.1:{proxy.port}")
        client = Client("https://calls.invalid/", 10.0, {})
        with pytest.raises(
            error, match=r"the proxy .* does not connect with calls\.invalid:443"
        ) as it:
            await client.ask(b"x")
        assert "secret" not in str(it.value)
        await client.close()


async def test_a_proxy_that_is_not_there(monkeypatch, unused_tcp_port):
    monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{unused_tcp_port}")
    async with soon(40):
        client = Client("https://calls.invalid/", 10.0, {})
        with pytest.raises(ServiceUnavailable, match="not reached"):
            await client.ask(b"x")
        await client.close()


async def test_what_is_reached_without_one(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "socks5://127.0.0.1:1")
    async with soon(40), answering() as port:
        for host in ("127.0.0.1", "localhost"):  # this machine
            client = Client(f"http://{host}:{port}/", 10.0, {})
            assert (await client.ask(b"x")).body == b"{}"
            await client.close()
        with pytest.raises(ConfigurationError, match=r"socks5.*no_proxy=calls\.invalid"):
            Client("http://calls.invalid/", 10.0, {})
        monkeypatch.setenv("NO_PROXY", ".invalid")
        client = Client("http://calls.invalid/", 10.0, {})
        with pytest.raises(ServiceUnavailable, match="not reached"):
            await client.ask(b"x")
        await client.close()


async def test_a_control_plane_behind_a_proxy(monkeypatch):
    async def authorize(*_):
        return {}

    async with soon(40), answering() as port, Proxy() as proxy:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.port}")
        rest = Rest("this", authorize)
        await rest.open()
        assert await rest.ask("GET", f"http://control.invalid:{port}/things") == {}
        await rest.close()
        assert len(proxy.heads) == 1
