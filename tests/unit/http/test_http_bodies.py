"""Bodies of answers that are received where they are given out, and those that are too small."""

import asyncio
import contextlib
import random
import ssl
import tracemalloc

import pytest
import trustme
import uvloop
from yarl import URL

from greenlithops.backends.http.answer import DIRECT, BrokenConnection
from greenlithops.backends.http.dialer import trusted
from greenlithops.backends.http.pool import SCRATCH, Pool
from greenlithops.backends.http.room import LARGE
from support.answering import serving
from support.clock import BUSY, eventually, soon

uvloop.new_event_loop().close()  # the first one opens a pipe for good, which is no test's

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
GET, ASK_HEAD = b"GET / HTTP/1.1\r\n\r\n", b"HEAD / HTTP/1.1\r\n\r\n"
MIB = 1 << 20
SIZES = (0, 1, SCRATCH, DIRECT - 1, DIRECT, DIRECT + 1, DIRECT + SCRATCH, MIB + 1, LARGE + 7)


def content(size):
    return random.Random(size).randbytes(size)


def giving(size, head=HEAD, pause=0.0, **faults):
    """Serve a body on each request, in pieces of odd sizes."""
    body = content(size)

    async def serve(reader, writer):
        rng = random.Random(size)
        while True:
            await reader.readuntil(b"\r\n\r\n")
            whole = (head % size if b"%d" in head else head) + body[: faults.get("cut", size)]
            while whole:
                some = rng.choice((1, 1000, 40_000, 300_000, 2_000_000))
                writer.write(whole[:some])
                whole = whole[some:]
                await writer.drain()
                await asyncio.sleep(pause)
            if faults:
                return

    return serve


@contextlib.asynccontextmanager
async def pool_to(serve, silence=BUSY, tls=None, **options):
    async with soon(BUSY), serving(serve, tls) as port:
        scheme, host = ("http", "127.0.0.1") if tls is None else ("https", "localhost")
        url = URL(f"{scheme}://{host}:{port}/")
        pool = Pool(url, silence=silence, connect=BUSY, kept=BUSY, **options)
        try:
            yield pool
        finally:
            await pool.close()


async def begun(pool):
    answer = await pool.send(GET, b"")
    await answer.begin()
    return answer


async def whole(answer):
    return await answer.read()


async def followed(answer):
    parts = []
    data = await answer.read(lambda part: parts.append(bytes(part)))
    assert b"".join(parts) == data
    return data


async def in_pieces(answer):
    pieces = []
    while piece := await answer.some(DIRECT + 5):
        pieces.append(piece)
    assert max(map(len, pieces), default=0) <= DIRECT + 5
    return b"".join(pieces)


async def begun_in_pieces(answer):
    first = await answer.some(1000)
    second = await answer.some(DIRECT + 1)
    return first + second + await answer.read()


WAYS = (whole, followed, in_pieces, begun_in_pieces)


async def exchange(pool, size, way):
    answer = await begun(pool)
    assert answer.status == 200
    assert await way(answer) == content(size)
    assert await answer.read() == await answer.some(9) == b""
    assert answer.over
    answer.release()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("size", SIZES)
async def test_every_byte_comes_and_the_connection_is_used_again(size, way):
    async with pool_to(giving(size)) as pool:
        for _ in range(3):
            await exchange(pool, size, way)
        assert len(pool._all) == 1


@pytest.mark.parametrize("way", WAYS)
async def test_slow_bodies(way):
    async with pool_to(giving(MIB, pause=0.001)) as pool:
        await exchange(pool, MIB, way)


async def test_many_at_once():
    async with pool_to(giving(MIB + 1)) as pool:
        await asyncio.gather(*(exchange(pool, MIB + 1, way) for way in WAYS * 8))


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_tls_on_every_loop(make, monkeypatch, tmp_path):
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "trusted.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "trusted.pem"))

    async def main(size, tls):
        async with pool_to(giving(size), tls=tls) as pool:
            for way in WAYS:
                await exchange(pool, size, way)
            await asyncio.gather(*(exchange(pool, size, way) for way in WAYS))

    trusted.cache_clear()
    try:
        with asyncio.Runner(loop_factory=make) as runner:
            for size in SIZES[4:]:
                runner.run(main(size, context))
                runner.run(main(size, None))
    finally:
        trusted.cache_clear()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("cut", [0, 1, DIRECT - 1, DIRECT, MIB, 2 * MIB - 1])
async def test_what_is_cut_is_never_taken_for_the_whole(cut, way):
    async with pool_to(giving(2 * MIB, cut=cut)) as pool:
        answer = await begun(pool)
        with pytest.raises(BrokenConnection):
            await way(answer)
        with pytest.raises(BrokenConnection):
            await answer.read()
        assert answer.over
        await eventually(lambda: not pool._all)


async def test_what_had_come_before_the_cut_is_given_out():
    async with pool_to(giving(3 * MIB, cut=2 * MIB + 3)) as pool:
        answer = await begun(pool)
        got = await answer.some(MIB)
        with contextlib.suppress(BrokenConnection):
            while len(got) < 3 * MIB:
                got += await answer.some(MIB)
        assert got == content(3 * MIB)[: 2 * MIB + 3]


async def stalling(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(HEAD % (2 * MIB) + bytes(MIB))
    await reader.read()


async def half_read(pool):
    answer = await begun(pool)
    reading = asyncio.create_task(answer.read())
    await eventually(lambda: answer._connection.left == MIB)
    return answer, reading


async def test_silence_within_a_body():
    async with pool_to(stalling, silence=0.1) as pool:
        answer = await begun(pool)
        with pytest.raises(BrokenConnection, match="nothing came"):
            await answer.read()


async def test_who_is_cancelled_gets_no_more_and_the_connection_ends():
    async with pool_to(stalling) as pool:
        answer, reading = await half_read(pool)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        with pytest.raises(BrokenConnection):
            await answer.read()
        await eventually(lambda: not pool._all)


@pytest.mark.parametrize("cancelled", [False, True])
async def test_who_wakes_late_has_nothing_to_do_with_the_next_answer(cancelled):
    async with pool_to(giving(MIB)) as pool:
        first = await begun(pool)
        pool._waking = True  # as while many others are woken before it
        reading = asyncio.create_task(first.read())
        await eventually(lambda: first.over)
        second = await pool.send(GET, b"")
        await eventually(lambda: second.status)
        assert second._connection is first._connection
        if cancelled:
            reading.cancel()
            await asyncio.wait([reading])
        pool._wake()
        if not cancelled:
            assert await reading == content(MIB)
        assert await second.read() == content(MIB)
        assert len(pool._all) == 1


async def test_closing_within_a_body():
    async with pool_to(stalling) as pool:
        _, reading = await half_read(pool)
        await pool.close()
        with pytest.raises(BrokenConnection, match="this side"):
            await reading


async def test_a_body_that_nobody_reads_is_not_received():
    async with pool_to(giving(64 * MIB), silence=0.2) as pool:
        answer = await begun(pool)
        await asyncio.sleep(0.5)  # longer than may be silent, but it is this side that waits
        assert answer._connection.left > 63 * MIB
        answer.release()
        await eventually(lambda: not pool._all)


async def test_a_large_body_is_in_memory_once():
    size, piece = 32 * MIB, bytes(MIB)

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(HEAD % size)
        for _ in range(size // MIB):
            writer.write(piece)
            await writer.drain()

    async with pool_to(serve) as pool:
        answer = await begun(pool)
        tracemalloc.start()
        try:
            data = await answer.read()
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert len(data) == size
        assert peak < 1.5 * size


@pytest.mark.parametrize("head", [HEAD % MIB, b"HTTP/1.1 404 Not Found\r\n\r\n"])
async def test_headers_alone(head):
    async with pool_to(giving(0, head)) as pool:
        for _ in range(3):
            answer = await pool.send(ASK_HEAD, b"", bodiless=True)
            await answer.begin()
            assert answer.over
            assert await answer.read() == b""


async def test_what_follows_a_body_is_no_header_of_the_next_answer():
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nETag: x\r\n\r\n"
    async with pool_to(giving(0, head)) as pool:
        for _ in range(2):
            answer = await begun(pool)
            assert await answer.read() == b""
            assert [*answer.headers] == ["Transfer-Encoding"]
        assert len(pool._all) == 1


async def test_a_body_where_none_should_be_is_nobodys_answer():
    answered = 0
    async with pool_to(giving(5)) as pool:
        for _ in range(20):
            answer = await pool.send(ASK_HEAD, b"", bodiless=True)
            with contextlib.suppress(BrokenConnection):  # by the body of the one before
                await answer.begin()
                assert (answer.status, answer.headers["Content-Length"]) == (200, "5")
                answered += 1
    assert answered
