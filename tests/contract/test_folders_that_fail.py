"""What becomes of storage in a folder when the file system refuses, or the folder goes."""

import os
import resource
import shutil

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
