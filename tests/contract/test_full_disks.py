"""Disks that become full: the right error where the server says so, and nothing lost or half there.

A disk is a file system in memory that one server sees alone, in a mount namespace of its own.
"""

import asyncio
import contextlib
import json
import os
import secrets
import subprocess
import sys

import pytest
import redis.asyncio as redis
from test_s3 import reached

from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import StorageFull, StorageUnavailable
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support.servers import (
    start_azurite,
    start_fake_gcs,
    start_juicefs,
    start_seaweedfs,
    start_valkey,
)
from support.servers.environment import program

MIB = 1 << 20
BRIEF = RetryPolicy(attempts=2, delay=0.1, on=StorageUnavailable)

# Mounts a disk over a folder, with what the folder had, and starts a program there.
ON_A_DISK = """
set -e
cp -a "$0" "$0.before"
mount -t tmpfs -o size="$1" tmpfs "$0"
cp -a "$0.before/." "$0"
cd "$0"
shift
exec "$@"
"""
NAMESPACE = ("unshare", "--map-root-user", "--mount", "sh", "-c", ON_A_DISK)


@contextlib.asynccontextmanager
async def on_a_disk(start, folder, guard, size):
    """Give a server whose folder is on a disk of its own, of a size as mount takes it."""
    server = await off_loop(start, folder, guard)
    try:
        await off_loop(lambda: server.process.start_within(*NAMESPACE, server.folder, size))
        yield server
    finally:
        await off_loop(server.kill)


async def fill(storage, bucket, error, most=200):
    """Put objects until the storage refuses with an error; return the content by key."""
    kept = {"empty": b""}
    await storage.put(bucket, "empty", b"")
    while len(kept) < most:
        key, data = f"{len(kept):03d}", os.urandom(3 * MIB)
        try:
            await storage.put(bucket, key, data)
        except error:
            assert len(kept) > 1
            return kept
        kept[key] = data
    raise AssertionError("it is never full")


async def check_a_full_disk(options, error):
    """Check that what does not fit is refused with an error, and that what was there stays."""
    bucket = f"full-{secrets.token_hex(6)}"
    async with AsyncStorage(retries=BRIEF, **options) as storage:
        await storage.create_bucket(bucket)
        kept = await fill(storage, bucket, error)
        with pytest.raises(error):
            await storage.put(bucket, "in parts", os.urandom(100 * MIB))
        for key, data in kept.items():
            assert await storage.get(bucket, key) == data
        listed = {entry.key async for entry in storage.list(bucket)}
        assert kept.keys() <= listed
        assert "in parts" not in listed
        # What did not fit is not there as something else.
        for key in listed - kept.keys():
            assert len(await storage.get(bucket, key)) == 3 * MIB
        await storage.delete(bucket, max(kept))


STARTS = {
    "seaweedfs": start_seaweedfs,
    "gcs": lambda *place: start_fake_gcs(*place, on_disk=True),
    "azure": start_azurite,
}
SIZES = {"seaweedfs": "400m", "gcs": "128m", "azure": "128m"}


def options_of(name, server):
    return {
        "seaweedfs": reached(server),
        "gcs": {"endpoint": server.endpoint, "project": "tests"},
        "azure": {"endpoint": server.endpoint, "account": server.user, "key": server.secret},
    }[name] | {"backend": name}


@pytest.mark.heavy
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("gcs", StorageFull),
        # These two say no more than that something went wrong inside.
        ("seaweedfs", StorageUnavailable),
        ("azure", StorageUnavailable),
    ],
)
async def test_a_server_whose_disk_is_full(name, error, server_guard, tmp_path):
    place = tmp_path / "server", server_guard
    async with on_a_disk(STARTS[name], *place, SIZES[name]) as server:
        await check_a_full_disk(options_of(name, server), error)


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_a_redis_that_cannot_write_its_file(server_guard, tmp_path):
    async with on_a_disk(start_valkey, tmp_path / "server", server_guard, "64m") as server:
        async with redis.Redis(port=server.port) as admin:
            # Otherwise it ends when it cannot write; and its file shall not be made smaller.
            await admin.config_set("appendfsync", "everysec")
            await admin.config_set("auto-aof-rewrite-percentage", 0)
        options = {"backend": "redis", "url": server.endpoint}
        async with AsyncStorage(retries=BRIEF, **options) as storage:
            await storage.create_bucket("full")
            kept = await fill(storage, "full", StorageFull)
            with pytest.raises(StorageFull):
                await storage.put("full", "other", b"1")
            for key, data in kept.items():
                assert await storage.get("full", key) == data


@pytest.mark.heavy
@pytest.mark.timeout(900)
async def test_a_server_that_may_not_take_more(server_guard, tmp_path):
    """JuiceFS waits for ever when its disk is full, but knows quotas, of a gibibyte at least."""
    server = await off_loop(start_juicefs, tmp_path / "server", server_guard)
    command = [
        *(program("juicefs"), "config", f"sqlite3://{server.folder / 'meta.db'}"),
        *("--capacity", "1", "--yes"),
    ]
    try:
        await off_loop(lambda: subprocess.run(command, check=True, capture_output=True))
        await off_loop(server.restart)
        async with AsyncStorage("minio", **reached(server)) as storage:
            await storage.create_bucket("full")
            await storage.put("full", "kept", b"kept")

            async def stream():
                for _ in range(1_100):
                    yield bytes(MIB)

            with pytest.raises(StorageFull, match="no space left"):
                await storage.put("full", "in parts", stream())
            assert await storage.get("full", "kept") == b"kept"
            assert not await storage.exists("full", "in parts")
    finally:
        await off_loop(server.kill)


ON_THIS_MACHINE = """
import asyncio, json, os, sys
from greenlithops.errors import StorageFull
from greenlithops.storage.async_storage import AsyncStorage

MIB = 1 << 20

async def main():
    kept, refused = [], []
    async with AsyncStorage("localhost", root="objects", part_bytes=MIB) as storage:
        await storage.create_bucket("full")
        try:
            while len(kept) < 100:
                await storage.put("full", f"{len(kept):02d}", bytes([len(kept)]) * MIB)
                kept.append(len(kept))
        except StorageFull as error:
            refused.append(str(error))
        for body in (bytes(40 * MIB), open("large", "rb")):
            try:
                await storage.put("full", "in parts", body)
            except StorageFull as error:
                refused.append(str(error))
        for n in kept:
            assert await storage.get("full", f"{n:02d}") == bytes([n]) * MIB
        listed = [entry.key async for entry in storage.list("full")]
        await storage.delete("full", "00")
        await storage.put("full", "00", b"again")
    left = [name for place in ("%tmp", "%uploads") for name in os.listdir(f"objects/{place}")]
    print(json.dumps([len(kept), listed, refused, left]))

with open("large", "wb") as file:
    file.truncate(40 << 20)
asyncio.run(main())
"""


TO_THIS_MACHINE = """
import asyncio, json, os
from greenlithops.storage.async_storage import AsyncStorage

SIZES = [15 << 20, (16 << 20) + 1, 17 << 20, 40 << 20]

async def main():
    told = []
    async with AsyncStorage("memory", part_bytes=4 << 20) as storage:
        await storage.create_bucket("bucket")
        for size in SIZES:
            content = os.urandom(size)
            await storage.put("bucket", "key", content)
            for resume in (False, True):
                try:
                    await storage.download_file("bucket", "key", "copy", resume=resume)
                except OSError as error:
                    told.append(str(error))
                for name in os.listdir("."):
                    if name == "copy":
                        with open(name, "rb") as file:
                            told.append(file.read() == content)
                    os.unlink(name)
    print(json.dumps(told))

asyncio.run(main())
"""


async def on_a_small_disk(program, folder):
    """Run a program in a folder that is a disk of 16 MiB; return what it prints as JSON."""
    await off_loop(folder.mkdir)
    command = [*NAMESPACE, str(folder), "16m", sys.executable, "-c", program]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    out, err = await process.communicate()
    assert process.returncode == 0, err.decode()
    return json.loads(out)


async def test_a_download_to_a_full_disk_is_refused_and_never_short(tmp_path):
    told = await on_a_small_disk(TO_THIS_MACHINE, tmp_path / "disk")
    fits, *others = [told[n : n + 2] for n in range(0, 8, 2)]
    assert fits == [True, True]
    for refused in others:
        for text in refused:
            assert text.startswith("[Errno 28] No space left on device: 'copy.")


async def test_a_full_disk_of_this_machine(tmp_path):
    kept, listed, refused, left = await on_a_small_disk(ON_THIS_MACHINE, tmp_path / "disk")
    assert 5 < kept < 17
    assert listed == [f"{n:02d}" for n in range(kept)]
    assert len(refused) == 3
    assert all("No space left on device" in text for text in refused)
    assert left == []
