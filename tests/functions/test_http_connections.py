"""Requests over connections of our own, to servers that answer in every way there is."""

import asyncio
import contextlib
import ssl

import pytest
import trustme

from greenlithops.backends.compute.http.client import Client
from greenlithops.backends.http.dialer import trusted
from greenlithops.errors import (
    ConfigurationError,
    ServiceRefused,
    ServiceUnavailable,
    WorkerLost,
)
from support.answering import OK, request, saying, serving
from support.clock import eventually, soon

LARGE = 8 << 20


@contextlib.asynccontextmanager
async def client_of(serve, silence=20.0, **headers):
    async with soon(40), serving(serve) as port:
        client = Client(f"http://127.0.0.1:{port}/calls?a=b", silence, headers)
        try:
            yield client
        finally:
            await client.close()


@pytest.mark.parametrize(
    ("parts", "close", "status", "body", "kept"),
    [
        pytest.param([OK], False, 200, b"abc", 1, id="whole"),
        pytest.param([OK[:20], OK[20:40], OK[40:]], False, 200, b"abc", 1, id="in-parts"),
        pytest.param(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\na",
                b"b\r\n1\r\nc\r\n0\r\nTrailer: x\r\n\r\n",
            ],
            False,
            200,
            b"abc",
            1,
            id="chunked",
        ),
        pytest.param([b"HTTP/1.1 200 OK\r\n\r\na", b"bc"], True, 200, b"abc", 0, id="until-closed"),
        pytest.param([OK.replace(b"1.1", b"1.0")], False, 200, b"abc", 0, id="http-1.0"),
        pytest.param([b"HTTP/1.1 100 Continue\r\n\r\n", OK], False, 200, b"abc", 1, id="continue"),
        pytest.param([b"HTTP/1.1 204 No Content\r\n\r\n"], False, 204, b"", 1, id="no-content"),
        pytest.param(
            [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")],
            True,
            200,
            b"abc",
            0,
            id="close",
        ),
        pytest.param([OK + OK], False, 200, b"abc", 0, id="more-than-was-asked"),
    ],
)
async def test_answers(parts, close, status, body, kept):
    async with client_of(saying(*parts, close=close)) as client:
        for _ in range(2):
            answer = await client.ask(b"x")
            assert (answer.status, answer.body) == (status, body)
        await eventually(lambda: len(client._pool._all) == kept)


@pytest.mark.parametrize(
    ("parts", "text"),
    [
        pytest.param([], "closed", id="nothing"),
        pytest.param([b"HTTP/1.1 200 OK\r\nCont"], "closed", id="half-a-head"),
        pytest.param([OK[:-1]], "closed", id="cut"),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nabc"],
            "closed",
            id="cut-chunk",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n9\r\nabc"],
            "closed",
            id="cut-chunk-in-capitals",
        ),
        pytest.param(
            [
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n",
                b"Transfer-Encoding: chunked\r\n\r\n9\r\nabc",
            ],
            "closed",
            id="cut-chunk-of-two-codings",
        ),
        pytest.param([b"SSH-2.0-OpenSSH\r\n"], "no HTTP", id="another-protocol"),
        pytest.param(
            [b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nabc"],
            "no HTTP",
            id="upgrade",
        ),
        pytest.param(
            [b"HTTP/1.1 200 OK\r\nX: ", *[b"y" * 60_000] * 12], "headers", id="endless-header"
        ),
    ],
)
async def test_answers_that_are_none(parts, text):
    async with client_of(saying(*parts, close=True)) as client:
        with pytest.raises(WorkerLost, match=text):
            await client.ask(b"x")


async def test_what_is_sent():
    seen = []

    async def serve(reader, writer):
        while True:
            seen.append(await request(reader))
            writer.write(OK)

    async with client_of(serve, Accept="a") as client:
        await client.ask(b"one", {"accept": "b", "Content-Length": "77"})
        await client.ask(b"")
        with pytest.raises(ConfigurationError, match="line break"):
            await client.ask(b"", {"Token": "a\r\nHost: b"})
    (head, body), (other, nothing) = seen
    assert head.startswith(b"POST /calls?a=b HTTP/1.1\r\nHost: 127.0.0.1:")
    assert head.lower().count(b"\r\naccept: b\r\n") == head.lower().count(b"accept") == 1
    assert head.lower().count(b"content-length: 3\r\n") == head.lower().count(b"length") == 1
    assert b"\r\nAccept: a\r\n" in other
    assert (body, nothing) == (b"one", b"")


async def test_large_bodies_both_ways():
    async def serve(reader, writer):
        while True:
            _, body = await request(reader)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()

    async with client_of(serve) as client:
        for piece in (b"ab", b"cd"):
            body = piece * (LARGE // 2)
            assert (await client.ask(body)).body == body


async def test_parts_that_are_read_slowly_do_not_pile_up():
    sent = 0

    async def serve(reader, writer):
        nonlocal sent
        await request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 << 20))
        for _ in range(64):
            writer.write(bytes(1 << 20))
            await writer.drain()
            sent += 1

    async with client_of(serve, silence=0.2) as client, client.answer(b"x") as answer:
        assert len(await answer.exactly(10)) == 10
        before = -1
        while sent != before:  # longer than may be silent, but it is this side that waits
            before = sent
            await asyncio.sleep(0.5)
        assert sent < 64
        assert len(await answer.read()) == (64 << 20) - 10
        assert sent == 64


async def silent(reader, writer):
    await request(reader)
    writer.write(OK[:-1])
    await reader.read()


async def test_silence():
    async with client_of(silent, silence=0.1) as client:
        with pytest.raises(WorkerLost, match="runtime_timeout"):
            await client.ask(b"x")


async def test_a_request_that_is_not_taken():
    async def serve(reader, writer):
        writer.transport.pause_reading()
        await asyncio.sleep(60)

    async with client_of(serve, silence=0.2) as client:
        with pytest.raises((WorkerLost, ServiceUnavailable)):
            await client.ask(bytes(64 << 20))


async def test_an_answer_before_the_request_was_written():
    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK.replace(b"200 OK", b"413 Content Too Large"))
        await asyncio.sleep(60)

    async with client_of(serve) as client:
        assert (await client.ask(bytes(64 << 20))).status == 413
        await eventually(
            lambda: not client._pool._all
        )  # where the request ends is not known on the other side


async def test_requests_that_are_cancelled_end_their_connections():
    async with client_of(silent) as client:
        asking = [asyncio.create_task(client.ask(b"x")) for _ in range(50)]
        await eventually(lambda: client.waiting == 50)
        for task in asking:
            task.cancel()
        await asyncio.wait(asking)
        await eventually(lambda: not client._pool._all)


async def test_closing_under_requests():
    async with client_of(silent) as client:
        asking = [asyncio.create_task(client.ask(b"x")) for _ in range(3)]
        await eventually(lambda: client.waiting == 3)
        await client.close()
        assert {type(one) for one in await asyncio.gather(*asking, return_exceptions=True)} == {
            WorkerLost
        }
        with pytest.raises(ServiceUnavailable, match="closed"):
            await client.ask(b"x")


async def test_connections_rest_for_a_while(monkeypatch):
    async with client_of(saying(OK), silence=0.2) as client:
        await asyncio.gather(*(client.ask(b"x") for _ in range(5)))
        assert len(client._pool._all) == 5
        monkeypatch.setattr(client._pool, "_kept", 0.05)
        await eventually(lambda: not client._pool._all)
        await eventually(lambda: not client._pool._resting)


async def test_nobody_there(unused_port):
    async with soon(20):
        for url in (f"http://127.0.0.1:{unused_port}/", "http://nobody.invalid/"):
            client = Client(url, 1.0, {})
            with pytest.raises(ServiceUnavailable, match="not reached"):
                await client.ask(b"x")
            await client.close()


@pytest.fixture
def unused_port():
    import socket  # noqa: PLC0415 - for this alone

    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        yield found.getsockname()[1]  # bound, and nobody listens


async def test_tls_trusts_whom_the_system_does(monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    certificates = tmp_path / "trusted.pem"
    authority.cert_pem.write_to_path(certificates)
    async with soon(40), serving(saying(OK), context) as port:
        stranger = Client(f"https://localhost:{port}/", 10.0, {})
        with pytest.raises(ServiceRefused, match="certificate"):
            await stranger.ask(b"x")
        await stranger.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
        trusted.cache_clear()
        try:
            for url, options in (("localhost", {}), ("127.0.0.1", {"verify": False})):
                client = Client(f"https://{url}:{port}/", 10.0, {}, **options)
                for _ in range(3):
                    assert (await client.ask(b"x")).body == b"abc"
                assert len(client._pool._all) == 1
                await client.close()
        finally:
            trusted.cache_clear()
