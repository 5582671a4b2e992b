"""The fault proxy: without faults nothing changes; each fault is what it says."""

import asyncio
import contextlib
import time

import aiohttp
import pytest
from aiohttp import web

from support.faults import EVERYTHING, STREAM, FaultProxy, Faults

DATA = bytes(range(256)) * 2048


@contextlib.asynccontextmanager
async def echoing():
    """A server that says how it was asked and returns what it was sent; gives its port."""
    asked = []

    async def handle(request):
        body = await request.read()
        asked.append((request.method, request.headers["Host"], body))
        return web.Response(body=body or DATA)

    application = web.Application(client_max_size=2 * len(DATA))
    application.router.add_route("*", "/", handle)
    runner = web.AppRunner(application)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield runner.addresses[0][1], asked
    await runner.cleanup()


@contextlib.asynccontextmanager
async def proxied(faults, **options):
    async with (
        echoing() as (port, asked),
        FaultProxy(port, faults, **options) as proxy,
        aiohttp.ClientSession(f"http://127.0.0.1:{proxy.port}") as session,
    ):
        proxy.asked = asked
        yield proxy, session


@pytest.mark.parametrize("http", [True, False])
async def test_without_faults_everything_passes(http):
    async def chunks():
        for start in range(0, len(DATA), 10_000):
            yield DATA[start : start + 10_000]

    async with proxied(Faults(), http=http) as (proxy, session):
        for body in (b"", b"x", DATA, chunks()):
            async with session.put("/", data=body, expect100=body is DATA) as answer:
                assert await answer.read() == (b"x" if body == b"x" else DATA)
        async with session.head("/") as answer:
            assert int(answer.headers["Content-Length"]) == len(DATA)
        assert not proxy.counts
        # The Host is the one that the client had asked for, as signatures need it.
        assert {host for _, host, _ in proxy.asked} == {f"127.0.0.1:{proxy.port}"}


@pytest.mark.parametrize(
    ("fault", "error", "arrives"),
    [
        ("reset_before", aiohttp.ClientOSError, False),
        ("reset_request", aiohttp.ClientOSError, False),
        ("reset_answered", aiohttp.ClientOSError, True),
        ("reset_response", aiohttp.ClientError, True),
        ("truncate", aiohttp.ClientPayloadError, True),
    ],
)
async def test_a_fault_breaks_a_request(fault, error, arrives):
    async with proxied(Faults(**{fault: 1.0})) as (proxy, session):
        with pytest.raises(error):
            async with session.post("/", data=DATA) as answer:
                await answer.read()
        assert proxy.counts == {fault: 1}
        whole = ("POST", f"127.0.0.1:{proxy.port}", DATA)
        assert (whole in proxy.asked) == arrives


@pytest.mark.parametrize(("fault", "status"), [("busy", 503), ("throttle", 429)])
@pytest.mark.parametrize("expect", [True, False])
async def test_the_proxy_refuses(fault, status, expect):
    async with proxied(Faults(**{fault: 1.0}), retry_after=7) as (proxy, session):
        for method in ("PUT", "HEAD"):
            async with session.request(method, "/", data=DATA, expect100=expect) as answer:
                assert answer.status == status
                assert answer.headers["Retry-After"] == "7"
        assert proxy.counts == {fault: 2}
        assert not proxy.asked


async def test_a_stall_goes_on():
    async with proxied(Faults(stall=1.0), stall_seconds=0.2) as (proxy, session):
        before = time.monotonic()
        async with session.get("/") as answer:
            assert await answer.read() == DATA
        assert time.monotonic() - before > 0.2
        assert proxy.counts == {"stall": 1}


@pytest.mark.parametrize("fault", ["corrupt", "corrupt_request"])
async def test_one_byte_is_another(fault):
    async with proxied(Faults(**{fault: 1.0})) as (proxy, session):
        async with session.put("/", data=DATA) as answer:
            got = await answer.read()
        assert sum(a != b for a, b in zip(got, DATA, strict=True)) == 1
        assert (proxy.asked[0][2] == DATA) == (fault == "corrupt")


async def test_the_same_seed_gives_the_same_faults():
    async def run():
        async with proxied(EVERYTHING, seed=7, stall_seconds=0.0) as (proxy, session):
            for _ in range(100):
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.post("/", data=b"text") as answer:
                        await answer.read()
            return dict(proxy.counts)

    first, second = await run(), await run()
    assert first == second
    assert sum(first.values()) > 5


async def test_a_plain_stream_breaks():
    async with proxied(Faults(reset_request=1.0), http=False) as (proxy, session):
        with pytest.raises(aiohttp.ClientError):
            await session.post("/")
        assert proxy.counts["reset_request"] == 1
        proxy.faults = Faults()
        async with session.get("/") as answer:
            assert await answer.read() == DATA
    assert STREAM.truncate


async def test_a_server_that_is_gone_shows_as_a_reset():
    async with FaultProxy(1, Faults()) as proxy:
        reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        with pytest.raises(ConnectionResetError):
            await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
