"""What is written: in few enough parts, and to its end."""

import os
from dataclasses import replace

import pytest

from greenlithops.backends.storage.memory import MemoryStorage
from greenlithops.errors import UsageError
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.storage.bodies import part_size


class FewParts(MemoryStorage):
    """A storage that takes ten parts."""

    limits = replace(MemoryStorage.limits, max_parts=10)


@pytest.fixture
async def storage():
    async with AsyncStorage(FewParts(os.urandom(8).hex()), part_bytes=10) as storage:
        await storage.create_bucket("bucket")
        yield storage


def test_a_terabyte_of_unknown_length_fits_in_the_parts_that_storage_takes():
    assert sum(part_size(number, 8 << 20) for number in range(1, 10_001)) > 10**12


async def test_a_large_file_is_cut_into_no_more_parts_than_the_storage_takes(storage, tmp_path):
    path, sent = tmp_path / "file", []
    await off_loop(path.write_bytes, bytes(range(251)) * 4)
    await storage.put("bucket", "key", path, on_progress=lambda done, _: sent.append(done))
    assert len(sent) == 10
    assert await storage.get("bucket", "key") == bytes(range(251)) * 4


async def test_a_pipe_that_gives_nothing_just_now_is_not_taken_for_ended(storage):
    reads, writes = os.pipe()
    os.set_blocking(reads, False)
    os.write(writes, b"first")
    with (
        os.fdopen(writes, "wb"),
        os.fdopen(reads, "rb", 0) as file,
        pytest.raises(UsageError, match="does not block"),
    ):
        await storage.put("bucket", "key", file)
    assert not await storage.exists("bucket", "key")
