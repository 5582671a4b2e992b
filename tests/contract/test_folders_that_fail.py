"""What becomes of storage in a folder when the file system refuses, or the folder goes."""

import asyncio
import os
import resource
import shutil
import sys

import pytest

from greenlithops.backends.storage.local_failures import told
from greenlithops.errors import AccessDenied, InvalidName, StorageError, StorageFull
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage


@pytest.fixture
def root(tmp_path):
    return tmp_path / "root"


@pytest.fixture
async def storage(root):
    async with AsyncStorage("localhost", root=root) as storage:
        await storage.create_bucket("bucket")
        await storage.put("bucket", "key", b"1")
        yield storage


async def test_a_folder_that_goes(storage, root):
    await off_loop(shutil.rmtree, root)
    for attempt in (
        storage.put("bucket", "key", b"2"),
        storage.get("bucket", "key"),
        storage.delete("bucket", "key"),
        storage.head_bucket("bucket"),
        anext(aiter(storage.list("bucket"))),
        storage.put("bucket", "large", bytes(20 << 20)),
    ):
        with pytest.raises(StorageError, match=r"bucket"):
            await attempt
    await storage.create_bucket("bucket")
    await storage.put("bucket", "key", b"back")
    assert await storage.get("bucket", "key") == b"back"


async def test_a_part_of_a_folder_that_goes(storage, root):
    await off_loop(shutil.rmtree, root / "%tmp")
    with pytest.raises(StorageError, match="bucket/key: No such file"):
        await storage.put("bucket", "key", b"2")


async def test_a_folder_that_cannot_be(tmp_path):
    file = tmp_path / "file"
    await off_loop(file.write_text, "in the way")
    storage = AsyncStorage("localhost", root=file / "root")
    with pytest.raises(StorageError, match="File exists"):
        await storage.create_bucket("bucket")
    proc = AsyncStorage("localhost", root="/proc/greenlithops")
    with pytest.raises(StorageError, match="/proc/greenlithops"):
        await proc.create_bucket("bucket")


async def test_a_file_that_becomes_too_large(storage):
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, before[1]))
    try:
        with pytest.raises(StorageFull, match="bucket/large"):
            await storage.put("bucket", "large", bytes(2 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not await storage.exists("bucket", "large")


@pytest.mark.parametrize(
    ("raised", "becomes"),
    [
        (PermissionError(13, "Permission denied"), AccessDenied),
        (OSError(30, "Read-only file system"), AccessDenied),
        (OSError(28, "No space left on device"), StorageFull),
        (OSError(36, "File name too long"), InvalidName),
        (OSError(5, "Input/output error"), StorageError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_what_systems_say(tmp_path, raised, becomes):
    with (
        pytest.raises(becomes, match=os.strerror(raised.errno)) as caught,
        told(tmp_path, "b", "k"),
    ):
        raise raised
    assert (caught.value.bucket, caught.value.key) == ("b", "k")
    assert caught.value.__cause__ is raised


WRITES = """
import asyncio, sys
from greenlithops.storage.async_storage import AsyncStorage

async def main():
    async with AsyncStorage("localhost", root=sys.argv[1], part_bytes=1 << 20) as storage:

        async def stream():
            for number in range(10_000):
                yield bytes([1]) * (1 << 20)
                if number == 6:
                    print("now", flush=True)

        if sys.argv[2] == "file":
            def told(done, total):
                if done > 5 << 20:
                    print("now", flush=True)
            await storage.upload_file(sys.argv[3], "bucket", "key", resume=True, on_progress=told)
        else:
            await storage.put("bucket", "key", stream())

asyncio.run(main())
"""


@pytest.mark.timeout(240)
@pytest.mark.parametrize("what", ["stream", "file"])
async def test_a_writer_that_is_killed_in_the_middle(storage, root, what, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    await storage.put("bucket", "key", b"as it was")
    file = tmp_path / "file"
    await off_loop(file.write_bytes, b"2" * (12 << 20))
    writer = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", WRITES, str(root), what, str(file)), stdout=asyncio.subprocess.PIPE
    )
    assert await writer.stdout.readline() == b"now\n"
    writer.kill()
    await writer.communicate()
    assert await storage.get("bucket", "key") == b"as it was"
    assert [entry.key async for entry in storage.list("bucket")] == ["key"]
    told = []
    async with AsyncStorage("localhost", root=root, part_bytes=1 << 20) as later:
        assert await off_loop(os.listdir, root / "%tmp") == []
        await later.upload_file(
            file, "bucket", "key", resume=True, on_progress=lambda done, _: told.append(done)
        )
    assert await storage.get("bucket", "key") == b"2" * (12 << 20)
    # What the killed one had sent is not sent again.
    assert (told[0] > 5 << 20) == (what == "file")
