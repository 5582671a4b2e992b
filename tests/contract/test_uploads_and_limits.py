"""Uploads that are cancelled, resumed or wrong: nothing is left, nothing is mixed."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from greenlithops.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidRange,
    PreconditionFailed,
    StorageError,
    UsageError,
)
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.sync.storage_calls import get_arguments
from support.clock import soon

SIZE = 3 << 20


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "root"


@pytest.fixture
async def storage(root):
    async with AsyncStorage("localhost", root=root, part_bytes=64 << 10) as storage:
        await storage.create_bucket("bucket")
        yield storage


def left(root):
    return [
        f"{folder}/{name}"
        for place in ("%uploads", "%tmp")
        for folder, folders, files in os.walk(root / place)
        for name in [*folders, *files]
    ]


async def test_cancelled_uploads_leave_nothing(storage, root):
    data = os.urandom(SIZE)
    for delay in [n / 1000 for n in range(0, 40, 2)]:
        task = asyncio.create_task(storage.put("bucket", "key", data))
        await asyncio.sleep(delay)
        task.cancel()
        await asyncio.wait([task])
    async with soon():
        while await off_loop(left, root):  # noqa: ASYNC110 - nothing tells when the last is gone
            await asyncio.sleep(0.01)


async def test_a_file_that_was_replaced_is_not_resumed(storage, tmp_path, monkeypatch):
    path = tmp_path / "file"
    await off_loop(path.write_bytes, b"1" * SIZE)
    status = await off_loop(path.stat)
    put_part, sent = storage.backend.put_part, []

    async def breaking(upload, number, body):
        if len(sent) >= 5:
            raise ChecksumMismatch("broken")
        sent.append(number)
        return await put_part(upload, number, body)

    monkeypatch.setattr(storage.backend, "put_part", breaking)
    with pytest.raises(ChecksumMismatch):
        await storage.upload_file(path, "bucket", "key", resume=True)
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    await off_loop(path.write_bytes, b"2" * SIZE)
    await off_loop(os.utime, path, (status.st_atime, status.st_mtime))
    await storage.upload_file(path, "bucket", "key", resume=True)
    assert await storage.get("bucket", "key") == b"2" * SIZE


async def test_a_file_that_is_cut_while_it_is_sent_is_not_taken_for_whole(
    storage, tmp_path, monkeypatch
):
    path = tmp_path / "file"
    await off_loop(path.write_bytes, bytes(SIZE))
    put_part = storage.backend.put_part

    async def cutting(upload, number, body):
        await off_loop(os.truncate, path, SIZE // 2 + 1)
        return await put_part(upload, number, body)

    monkeypatch.setattr(storage.backend, "put_part", cutting)
    with pytest.raises(StorageError, match="was cut"):
        await storage.upload_file(path, "bucket", "key", resume=True)
    assert not await storage.exists("bucket", "key")


async def test_who_may_only_write_is_told_which_condition_failed(storage, monkeypatch):
    async def refused(bucket, key):
        raise AccessDenied("you may only write", bucket=bucket, key=key)

    await storage.put("bucket", "key", b"1")
    monkeypatch.setattr(storage.backend, "head", refused)
    with pytest.raises(PreconditionFailed):
        await storage.put("bucket", "key", b"2", if_absent=True)


async def test_a_version_is_as_old_as_its_writing(storage, root):
    """Kernels round times to some milliseconds, in which an object may be written many times."""
    for number in range(20):
        before = time.time_ns()
        await storage.put("bucket", "key", bytes([number]))
        assert before <= (await off_loop((root / "bucket" / "key").stat)).st_mtime_ns


async def test_an_empty_file_is_sent_without_parts(storage, tmp_path, monkeypatch):
    path = tmp_path / "file"
    await off_loop(path.touch)
    monkeypatch.setattr(storage.backend, "put_part", None)  # Azure takes no empty blocks
    told = []
    await storage.upload_file(
        path, "bucket", "key", resume=True, on_progress=lambda *parts: told.append(parts)
    )
    assert await storage.get("bucket", "key") == b""
    assert all(parts == (0, 0) for parts in told)


async def test_a_download_has_the_mode_of_other_new_files(storage, tmp_path):
    await storage.put("bucket", "key", b"1")
    await off_loop((tmp_path / "other").write_bytes, b"1")
    await storage.download_file("bucket", "key", tmp_path / "copy")
    modes = [(await off_loop((tmp_path / name).stat)).st_mode for name in ("other", "copy")]
    assert modes[0] == modes[1]


async def test_what_a_killed_process_left_goes(storage, root):
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    stale = root / "%tmp" / f"{process.pid}-abc"
    mine = root / "%tmp" / f"{os.getpid()}-abc"
    for path in (stale, mine):
        await off_loop(path.write_bytes, b"1")
    async with AsyncStorage("localhost", root=root):
        assert not await off_loop(stale.exists)
        assert await off_loop(mine.exists)
    await off_loop(mine.unlink)


async def test_many_downloads_to_one_file(storage, tmp_path):
    data = os.urandom(SIZE)
    await storage.put("bucket", "key", data)
    path = tmp_path / "out"
    await asyncio.gather(*(storage.download_file("bucket", "key", path) for _ in range(4)))
    assert await off_loop(path.read_bytes) == data
    assert [name for name in await off_loop(os.listdir, tmp_path) if "part" in name] == []


@pytest.mark.parametrize("resume", [False, True])
async def test_what_failed_on_its_way_keeps_nothing(root, tmp_path, resume):
    def broken(done, _):
        if done:
            raise LookupError

    path, copy = tmp_path / "file", tmp_path / "copy"
    await off_loop(path.write_bytes, bytes(SIZE))
    options = {"root": root, "part_bytes": 64 << 10, "concurrency": 2, "part_concurrency": 2}
    async with AsyncStorage("localhost", **options) as storage:
        await storage.create_bucket("bucket")
        await storage.put("bucket", "key", path)
        with pytest.raises(LookupError) as download:
            await storage.download_file("bucket", "key", copy, resume=resume, on_progress=broken)
        with pytest.raises(LookupError) as upload:
            await storage.upload_file(path, "bucket", "other", resume=resume, on_progress=broken)
        assert await off_loop(opened, path) == []
        async with soon():
            assert len(await storage.get("bucket", "key")) == SIZE
        assert download.value is not upload.value  # that they are remembered holds nothing up
        await storage.abandon_upload(path, "bucket", "other")


def opened(path):
    """Return this process' descriptors of a file."""
    return [link for link in Path("/proc/self/fd").iterdir() if link.resolve() == path.resolve()]


async def test_folders_of_a_download_are_made(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    await storage.put("bucket", "a/b/c", b"123")
    await storage.download_file("bucket", "a/b/c")
    await storage.download_file("bucket", "a/b/c", tmp_path / "x" / "y")
    for path in (tmp_path / "a" / "b" / "c", tmp_path / "x" / "y"):
        assert await off_loop(path.read_bytes) == b"123"
    with pytest.raises(IsADirectoryError):
        await storage.download_file("bucket", "a/b/c", tmp_path / "x")
    assert await off_loop(os.listdir, tmp_path / "x") == ["y"]


@pytest.mark.parametrize("key", ["../out", "a/../../out", "/out", ".."])
async def test_a_key_names_no_file_outside(storage, tmp_path, monkeypatch, key):
    inside = tmp_path / "inside"
    await off_loop(inside.mkdir)
    monkeypatch.chdir(inside)
    await storage.put("bucket", key, b"1")
    with pytest.raises(UsageError, match="elsewhere"):
        await storage.download_file("bucket", key)
    assert not await off_loop((tmp_path / "out").exists)


@pytest.mark.parametrize("seconds", [0, -1, "60", None, float("nan"), float("inf"), 1e12])
async def test_how_long_a_url_cannot_be_valid(storage, seconds):
    with pytest.raises(UsageError, match="seconds"):
        await storage.presigned_url("bucket", "key", seconds=seconds)


@pytest.mark.parametrize("body", [{"a": 1}, {}, {"x", "y"}, [None], [b"1", None], 5])
async def test_what_is_no_content(storage, body):
    with pytest.raises(UsageError):
        await storage.put("bucket", "key", body)
    assert not await storage.exists("bucket", "key")


@pytest.mark.parametrize(
    "metadata",
    [
        *({"k": value} for value in (5, "ü", "a\nb", "", " a", "a ")),
        *({name: "v"} for name in ("bad key", "", "K")),
        "k=v",
    ],
)
async def test_metadata_that_not_every_storage_keeps(storage, metadata):
    with pytest.raises(UsageError, match="metadata"):
        await storage.put("bucket", "key", b"1", metadata=metadata)


@pytest.mark.parametrize("kind", ["", " ", "text/plain\r\nx-other: 1", "täxt/plain", b"text/plain"])
async def test_what_is_no_content_type(storage, kind):
    with pytest.raises(UsageError, match="content type"):
        await storage.put("bucket", "key", b"1", content_type=kind)
    with pytest.raises(UsageError, match="content type"):
        await storage.upload_file(__file__, "bucket", "key", content_type=kind)
    assert not await storage.exists("bucket", "key")


async def test_progress_is_told_with_the_total(storage, tmp_path):
    path = tmp_path / "file"
    await off_loop(path.write_bytes, bytes(SIZE))
    told = []
    for work in (
        lambda told: storage.upload_file(path, "bucket", "key", on_progress=told),
        lambda told: storage.upload_file(path, "bucket", "key", resume=True, on_progress=told),
        lambda told: storage.put("bucket", "key", path, on_progress=told),
        lambda told: storage.put("bucket", "key", bytes(SIZE), on_progress=told),
        lambda told: storage.download_file("bucket", "key", tmp_path / "copy", on_progress=told),
    ):
        told.clear()
        await work(lambda done, total: told.append((done, total)))
        assert [total for _, total in told] == [SIZE] * len(told)
        assert len(told) > 2
        assert told == sorted(told)
        assert told[-1] == (SIZE, SIZE)
    told.clear()
    await storage.put(
        "bucket", "key", iter([b"12", b"3"]), on_progress=lambda *now: told.append(now)
    )
    assert told == [(3, None)]


async def test_one_key_is_no_list_of_keys(storage):
    for key in "abc":
        await storage.put("bucket", key, b"1")
    with pytest.raises(UsageError, match="'abc'"):
        await storage.delete_many("bucket", "abc")
    assert len([entry async for entry in storage.list("bucket")]) == 3


@pytest.mark.parametrize("name", ["prefix", "delimiter", "start_after", "match"])
async def test_what_is_listed_is_text(storage, name):
    with pytest.raises(UsageError, match="text"):
        [entry async for entry in storage.list("bucket", **{name: 5})]


async def test_no_bytes_at_the_end():
    with pytest.raises(InvalidRange):
        get_arguments({"Range": "bytes=-0"})


async def test_a_range_is_told_as_users_say_it(storage):
    await storage.put("bucket", "key", b"12345")
    with pytest.raises(InvalidRange, match="bytes 5-"):
        await storage.get("bucket", "key", 5)
