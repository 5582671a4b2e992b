"""Objects of web servers, with ranges and without, through faults."""

import asyncio
import os
import random
import signal
import threading
import time

import pytest

import greenlithops as gl
from greenlithops.errors import (
    AccessDenied,
    NoSuchKey,
    NotSupported,
    ObjectChanged,
    StorageUnavailable,
    UsageError,
)
from greenlithops.files import file_version
from greenlithops.storage.mapping import web
from greenlithops.storage.mapping.call import ObjectArgument
from greenlithops.storage.mapping.finding import found_in
from greenlithops.storage.mapping.origins import origin
from greenlithops.storage.mapping.part import FILE, HTTP, Part
from greenlithops.storage.mapping.reader import ObjectReader
from greenlithops.storage.mapping.sources import UrlSource
from greenlithops.storage.mapping.storages import Storages
from support.answering import serving
from support.clock import BUSY
from support.web import serve

DATA = b"".join(b"line %d\n" % n for n in range(5000))


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(web, "WAIT", 0.01)


@pytest.fixture
async def executor():
    async with gl.AsyncExecutor("inline", max_workers=2, energy="off") as executor:
        yield executor


def look(url):
    return web.look(url, threading.Event())


def whole(obj):
    return obj.total_parts, obj.read()


@pytest.mark.parametrize("etags", [True, False])
@pytest.mark.parametrize(("ranges", "parts"), [(True, 4), (False, 1)])
@pytest.mark.parametrize("length", [True, False])
async def test_parts_of_a_page(executor, ranges, parts, length, etags):
    with serve({"/page": DATA}, ranges=ranges, etags=etags, length=length) as url:
        found = await executor.map(whole, f"{url}/page", obj_chunk_number=4)
        assert [total for total, _ in found] == [parts] * parts
        assert b"".join(data for _, data in found) == DATA
        assert all(data.endswith(b"\n") for _, data in found)


async def test_what_a_reader_tells_of_a_url(executor):
    def about(obj):
        return obj.url, obj.backend, obj.bucket, obj.path, obj.size, obj.data_byte_range

    with serve({"/page": DATA}) as url:
        expected = (f"{url}/page", "http", None, None, len(DATA), None)
        assert await executor.map(about, f"{url}/page") == [expected]
        with pytest.raises(NoSuchKey, match="/none"):
            await executor.map(about, f"{url}/none")


@pytest.mark.parametrize("ranges", [True, False])
async def test_empty_pages(executor, ranges):
    with serve({"/page": b""}, ranges=ranges) as url:
        assert await executor.map(whole, [f"{url}/page"], obj_chunk_size=5) == [(1, b"")]


async def test_urls_as_people_write_them(executor):
    with serve({"/gr%C3%BCne%20Zahlen?a=%C3%A9%20b": DATA}) as url:
        found = await executor.map(whole, f"{url}/grüne Zahlen?a=é b#top", obj_chunk_number=2)
        assert b"".join(data for _, data in found) == DATA


@pytest.mark.parametrize(
    "url", ["http://", "http:///page", "http://a:99999/", "http://me:word@a/", "http://[::1/"]
)
async def test_urls_that_name_no_server_are_told_at_once(executor, monkeypatch, url):
    monkeypatch.setattr(web, "WAIT", 3600)
    with pytest.raises(UsageError, match="cannot be asked for"):
        await executor.map(whole, url)


async def test_who_looks_no_more_leaves_nothing_behind(monkeypatch):
    """Else a program that was interrupted would end only when a silent server was given up."""
    monkeypatch.setattr(web, "WAIT", 3600)
    with serve({}, faults=[503] * 9) as url:
        looking = asyncio.create_task(anext(found_in(UrlSource(url), Storages())))
        await asyncio.to_thread(wait_until, lambda: running("greenlithops-offload"))
        looking.cancel()
        await asyncio.wait([looking])
        await asyncio.to_thread(wait_until, lambda: not running("greenlithops-offload"))


def opened(url, start, stop, size, etag=""):
    part = Part(HTTP, "http", None, None, url, start, stop, size, etag, 1, 1)
    return ObjectReader(part, b"\n", origin(part, {}))


def test_seeking(soon):
    for ranges in (True, False):
        with (
            serve({"/page": DATA}, ranges=ranges) as url,
            opened(url + "/page", 0, None, None) as r,
        ):
            assert r.read(10) == DATA[:10]
            assert r.seek(30_000) == 30_000
            assert r.read(10) == DATA[30_000:30_010]
            assert r.seek(5) == 5
            assert r.read() == DATA[5:]
            assert r.seek(-7, 2) == len(DATA) - 7
            assert r.read() == DATA[-7:]
            r.seek(len(DATA) + 30_000)
            assert r.seek(-7, 2) == len(DATA) - 7


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("faults", [[503], ["cut"], [429, "cut", 500], ["cut", "cut", "cut"]])
def test_faults_that_pass(faults, ranges):
    with (
        serve({"/page": DATA}, ranges=ranges, faults=faults) as url,
        opened(url + "/page", 0, len(DATA), len(DATA)) as reader,
    ):
        assert reader.read() == DATA
    with serve({"/page": DATA}, faults=[503, 503]) as url:
        assert look(url + "/page").size == len(DATA)


@pytest.mark.parametrize("ranges", [True, False])
def test_a_page_of_unknown_size_that_breaks_off_is_not_taken_for_whole(ranges):
    with (
        serve({"/page": DATA}, ranges=ranges, faults=["cut", "cut"]) as url,
        opened(url + "/page", 0, None, None) as reader,
    ):
        assert reader.read() == DATA


async def test_a_length_that_is_no_number_is_as_good_as_none():
    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nall of it")

    async with serving(answer) as port:
        page = await asyncio.to_thread(look, f"http://127.0.0.1:{port}/page")
        assert (page.size, page.ranges) == (None, False)


def test_jumping_while_the_next_block_is_on_its_way():
    data = random.Random(1).randbytes(3 << 20)
    rest = threading.Event()
    with (
        serve({"/page": data}, faults=[rest]) as url,
        opened(url + "/page", 0, len(data), len(data)) as reader,
    ):
        assert reader.read(10) == data[:10]
        place = reader.seek((2 << 20) + 5)
        timer = threading.Timer(0.1, rest.set)
        timer.start()
        assert reader.read(100) == data[place : place + 100]
        timer.join()


def test_faults_that_do_not_pass():
    with serve({"/page": DATA}, faults=[503] * 20) as url:
        with pytest.raises(StorageUnavailable, match="503"):
            look(url + "/page")
        with opened(url + "/page", 0, 10, 10) as reader, pytest.raises(StorageUnavailable):
            reader.read()
    with pytest.raises(StorageUnavailable, match=url):
        look(url + "/page")
    with serve({"/page": DATA}, faults=[403]) as url, pytest.raises(AccessDenied):
        look(url + "/page")


def test_who_reads_no_more_holds_nobody():
    """Neither the server's connection nor the thread that was reading ahead."""
    page = bytes(8 << 20)
    with serve({"/page": page}, faults=["stall"]) as url:
        reader = opened(url + "/page", 0, len(page), len(page))
        assert len(reader.read(7 << 19)) == 7 << 19
        wait_until(reading_ahead)  # for a minute, if nobody ended it: the server is silent
        reader.close()
        wait_until(lambda: not reading_ahead())


def wait_until(condition):
    last = time.monotonic() + BUSY
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.01)


def reading_ahead():
    return running("greenlithops-reader")


def running(name):
    return [t for t in threading.enumerate() if t.name.startswith(name)]


def test_a_forked_process_does_not_read_what_is_on_its_way_to_another():
    page = bytes(8 << 20)
    with serve({"/page": page}, faults=["stall"]) as url:
        with opened(url + "/page", 0, len(page), len(page)) as begun:
            assert len(begun.read(7 << 19)) == 7 << 19
            assert in_a_fork(begun.read) == b"ForkedError"
        with opened(url + "/page", 0, len(page), len(page)) as fresh:
            assert in_a_fork(lambda: fresh.read(5)) == page[:5]


def test_a_forked_process_reads_files(tmp_path):
    path = tmp_path / "file"
    size = path.write_bytes(b"one\ntwo\n" * (3 << 17))
    version = file_version(path.stat())
    about = (FILE, "file", str(tmp_path), "file", str(path), 0, size, size, version, 1, 1)
    reader = ObjectArgument(0, b"\n", {}).reader(about)
    with reader:
        assert asyncio.run(reader.aread(4)) == b"one\n"
        reader.seek(size - 8)
        assert in_a_fork(lambda: asyncio.run(reader.aread(4)) + reader.read()) == b"one\ntwo\n"


def in_a_fork(work):
    """Return what a forked process gets, or the name of its error."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        signal.alarm(int(BUSY))  # it may hang
        try:
            os.write(writing, work())
        except Exception as error:  # noqa: BLE001 - the other process looks at it
            os.write(writing, type(error).__name__.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as told:
        answer = told.read()
    os.waitpid(pid, 0)
    return answer


@pytest.mark.parametrize("faults", [[None, "shifted"], ["shifted"]])
def test_a_server_that_gives_another_range_than_asked_for(faults):
    with serve({"/page": DATA}, faults=faults) as url:
        reader = opened(url + "/page", 10, 20_000, len(DATA))
        if faults[0] is None:
            look(url + "/page")
        with reader, pytest.raises(NotSupported, match="later"):
            reader.read()


def test_a_page_that_was_changed():
    pages = {"/page": DATA}
    with serve(pages) as url:
        told = look(url + "/page")
        assert told.ranges
        pages["/page"] = DATA.upper()
        reader = opened(url + "/page", 0, told.size, told.size, told.etag)
        with reader, pytest.raises(ObjectChanged):
            reader.read()
        pages["/page"] = DATA[:10]
        with (
            opened(url + "/page", 100, told.size, told.size) as reader,
            pytest.raises(ObjectChanged),
        ):
            reader.read()
