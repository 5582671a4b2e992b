"""Files that several download or upload at once, or that cannot be made: none is mixed or left."""

import asyncio
import os
from contextlib import asynccontextmanager
from functools import partial

import pytest

from greenlithops.errors import UsageError
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support import scripts

CONTENT = bytes(range(256)) * 1024


@pytest.fixture
async def storages(tmp_path, monkeypatch):
    """The same storage twice, with parts of different sizes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    root = tmp_path / "root"
    async with (
        AsyncStorage("localhost", root=root, part_bytes=16 << 10) as first,
        AsyncStorage("localhost", root=root, part_bytes=12 << 10) as second,
    ):
        await first.create_bucket("bucket")
        await first.put("bucket", "key", CONTENT)
        yield first, second


async def test_resumed_downloads_of_one_file_do_not_meet(storages, tmp_path):
    folder = tmp_path / "files"
    for number in range(8):
        path = folder / str(number)
        await asyncio.gather(
            *(
                storage.download_file("bucket", "key", path, resume=True)
                for storage in (storages[0], *storages)
            )
        )
        assert await off_loop(path.read_bytes) == CONTENT
    assert sorted(await off_loop(os.listdir, folder)) == [str(number) for number in range(8)]


class StoppedError(Exception):
    """What a download is stopped with."""


async def test_a_download_is_resumed_by_one_with_other_parts(storages, tmp_path):
    path, told = tmp_path / "copy", []

    def stop(done, _):
        if done > len(CONTENT) // 2:
            raise StoppedError

    for storage in (*storages, storages[1]):
        with pytest.raises(StoppedError):
            await storage.download_file("bucket", "key", path, resume=True, on_progress=stop)
    await storages[1].download_file(
        "bucket", "key", path, resume=True, on_progress=lambda done, _: told.append(done)
    )
    assert told[0] > 0
    assert await off_loop(path.read_bytes) == CONTENT


async def test_resumed_uploads_of_one_file_do_not_meet(storages, tmp_path):
    path = tmp_path / "file"
    await off_loop(path.write_bytes, CONTENT)
    for number in range(8):
        key = f"up{number}"
        sending = [storages[0].upload_file(path, "bucket", key, resume=True) for _ in range(4)]
        await asyncio.gather(*sending)
        assert await storages[1].get("bucket", key) == CONTENT
    for place in ("cache/greenlithops/uploads", "root/%tmp"):
        assert await off_loop(os.listdir, tmp_path / place) == []


@pytest.mark.parametrize("resume", [False, True])
async def test_a_file_may_have_the_longest_name(storages, tmp_path, resume):
    folder = tmp_path / "files"
    await storages[0].download_file("bucket", "key", folder / ("n" * 255), resume=resume)
    assert await off_loop(os.listdir, folder) == ["n" * 255]
    assert await off_loop((folder / ("n" * 255)).read_bytes) == CONTENT


async def test_a_download_that_cannot_get_its_name_leaves_nothing(storages, tmp_path, monkeypatch):
    path, opened = tmp_path / "files" / "copy", storages[0].backend.open

    @asynccontextmanager
    async def meanwhile(*args, **options):
        await off_loop(partial(path.mkdir, exist_ok=True))
        async with opened(*args, **options) as body:
            yield body

    monkeypatch.setattr(storages[0].backend, "open", meanwhile)
    with pytest.raises(IsADirectoryError):
        await storages[0].download_file("bucket", "key", path)
    assert await off_loop(os.listdir, path.parent) == ["copy"]


async def test_a_download_takes_the_place_of_no_device(storages, tmp_path):
    await off_loop(os.mkfifo, tmp_path / "pipe")
    with pytest.raises(UsageError, match="device or a pipe"):
        await storages[0].download_file("bucket", "key", tmp_path / "pipe")
    assert (await off_loop((tmp_path / "pipe").stat)).st_mode & 0o010000


LOOP_ENDS = """
import asyncio, os, sys, threading, time
from greenlithops.storage import download
from greenlithops.storage.async_storage import AsyncStorage

written, begun = [], threading.Event()

def slowly(descriptor, chunk, position):
    begun.set()
    time.sleep(0.3)
    written.append(os.readlink(f"/proc/self/fd/{descriptor}"))
    write_at(descriptor, chunk, position)

write_at, download.write_at = download.write_at, slowly

async def main():
    storage = AsyncStorage("localhost", root="root")
    await storage.create_bucket("bucket")
    await storage.put("bucket", "key", b"content")
    downloading = asyncio.create_task(storage.download_file("bucket", "key", "copy"))
    while not begun.is_set():
        await asyncio.sleep(0.01)

asyncio.run(main())
print([path.endswith(".greenlithops-part") for path in written], os.listdir("."))
"""


def test_a_loop_that_ends_waits_for_what_is_being_written(tmp_path):
    told = scripts.run(tmp_path, LOOP_ENDS)
    assert told.startswith("[True] ")
    assert "copy" not in told
