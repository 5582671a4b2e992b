"""What S3 storage must hold against real servers: errors, conditions, keys, checksums, many."""

import asyncio
import os
import secrets
import sys

import aiohttp
import pytest
from test_s3 import reached

from greenlithops.backends.storage.s3 import rare
from greenlithops.errors import (
    AccessDenied,
    ChecksumMismatch,
    InvalidName,
    InvalidRange,
    NoSuchBucket,
    NotSupported,
    PreconditionFailed,
    StorageError,
    StorageUnavailable,
)
from greenlithops.objects import PutOptions
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support.clock import soon
from support.faults import FaultProxy, Faults


@pytest.fixture
async def storage(seaweedfs):
    async with AsyncStorage("seaweedfs", **reached(seaweedfs)) as storage:
        yield storage


@pytest.fixture
async def bucket(storage):
    name = f"holds-{secrets.token_hex(6)}"
    await storage.create_bucket(name)
    yield name
    await storage.delete_many(name, [entry.key async for entry in storage.list(name)])
    await storage.delete_bucket(name)


# Who asks.


async def test_a_wrong_secret_is_refused_at_once(seaweedfs, bucket):
    options = reached(seaweedfs, secret_access_key="wrong")
    async with soon(10), AsyncStorage("s3", **options) as other:
        for operation in (
            other.get(bucket, "key"),
            other.put(bucket, "key", b"1"),
            other.put(bucket, "key", os.urandom(9 << 20)),
            other.head(bucket, "key"),
            other.create_bucket("other-bucket"),
            other.delete(bucket, "key"),
        ):
            with pytest.raises(AccessDenied) as caught:
                await operation
            assert isinstance(caught.value, PermissionError)
            assert "wrong" not in str(caught.value)


async def test_anonymous_requests_are_not_signed(seaweedfs, storage, bucket):
    await storage.put(bucket, "key", b"1")
    async with AsyncStorage("s3", endpoint=seaweedfs.endpoint, anonymous=True) as other:
        with pytest.raises(AccessDenied):
            await other.get(bucket, "key")
        with pytest.raises(NotSupported, match="credentials"):
            await other.presigned_url(bucket, "key")


async def test_credentials_are_found_as_botocore_finds_them(
    seaweedfs, storage, bucket, monkeypatch, tmp_path
):
    await storage.put(bucket, "key", b"1")
    file = tmp_path / "credentials"
    text = f"aws_access_key_id={seaweedfs.user}\naws_secret_access_key={seaweedfs.secret}\n"
    file.write_text(f"[default]\naws_access_key_id=no\naws_secret_access_key=no\n[mine]\n{text}")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", seaweedfs.endpoint)
    async with AsyncStorage("s3", profile="mine", region="us-east-1") as other:
        assert await other.get(bucket, "key") == b"1"
    async with AsyncStorage("s3") as other:
        with pytest.raises(AccessDenied):
            await other.get(bucket, "key")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    with pytest.raises(AccessDenied, match="no credentials were found"):
        await AsyncStorage("s3").head_bucket(bucket)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", seaweedfs.user)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", seaweedfs.secret)
    async with AsyncStorage("s3") as other:
        assert await other.get(bucket, "key") == b"1"


async def test_credentials_that_expire_are_renewed(
    seaweedfs, storage, bucket, monkeypatch, tmp_path
):
    await storage.put(bucket, "key", b"1")
    log = tmp_path / "log"
    soon = "(datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=5)).isoformat()"
    program = tmp_path / "program.py"
    program.write_text(
        "import datetime, json\n"
        f"open({str(log)!r}, 'a').write('x')\n"
        f"print(json.dumps({{'Version': 1, 'AccessKeyId': {seaweedfs.user!r}, "
        f"'SecretAccessKey': {seaweedfs.secret!r}, 'Expiration': {soon}}}))\n"
    )
    config = tmp_path / "config"
    config.write_text(f"[profile renewed]\ncredential_process = {sys.executable} {program}\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    options = {"endpoint": seaweedfs.endpoint, "profile": "renewed", "region": "us-east-1"}
    async with AsyncStorage("s3", **options) as other:
        before = await off_loop(log.read_text)
        assert await asyncio.gather(*(other.get(bucket, "key") for _ in range(3))) == [b"1"] * 3
        await other.copy(bucket, "key", "copied")
    # They are valid for less than the quarter of an hour before which botocore renews them.
    assert len(await off_loop(log.read_text)) > len(before)


async def test_a_server_that_is_not_there(seaweedfs):
    options = {**reached(seaweedfs), "endpoint": "http://127.0.0.1:1"}
    async with AsyncStorage("s3", retries=1, **options) as other:
        with pytest.raises(StorageUnavailable):
            await other.get("bucket", "key")


# What is not there, or cannot be.


async def test_heads_tell_missing_buckets_from_missing_keys(storage):
    with pytest.raises(NoSuchBucket):
        await storage.head("missing-bucket", "key")


async def test_ranges(storage, bucket):
    await storage.put(bucket, "key", b"0123456789")
    await storage.put(bucket, "empty", b"")
    assert await storage.get(bucket, "key", 2, 5) == b"234"
    assert await storage.get(bucket, "key", 8, 50) == b"89"
    assert await storage.get(bucket, "key", -3) == b"789"
    assert await storage.get(bucket, "key", -30) == b"0123456789"
    for key, span in (("key", (10,)), ("key", (3, 3)), ("empty", (0,)), ("empty", (-1,))):
        with pytest.raises(InvalidRange):
            await storage.get(bucket, key, *span)


@pytest.mark.parametrize("key", ["/a", "a//b", "a/", "../a", "a/./b", "a\\b"])
async def test_keys_that_seaweedfs_would_change_are_refused(storage, bucket, key):
    with pytest.raises(InvalidName, match="as files"):
        await storage.put(bucket, key, b"1")


async def test_keys_with_what_xml_cannot_hold(storage, bucket):
    keys = ["a\x01b", "\x7f", "\ufffe", "c\r", "plain", "other"]
    await asyncio.gather(*(storage.put(bucket, key, key) for key in keys))
    for key in keys:
        assert await storage.get(bucket, key) == key.encode()
    await storage.delete_many(bucket, keys)
    assert not any([await storage.exists(bucket, key) for key in keys])


async def test_buckets_that_are_not_empty_stay(storage, bucket):
    await storage.put(bucket, "key", b"1")
    with pytest.raises(StorageError, match="NotEmpty"):
        await storage.delete_bucket(bucket)
    assert await storage.get(bucket, "key") == b"1"


async def test_metadata_that_cannot_travel(storage, bucket):
    for metadata in ({"a": "line\nbreak"}, {"a": "ü"}, {"ü": "a"}):
        with pytest.raises(ValueError, match="metadata"):
            await storage.put(bucket, "key", b"1", metadata=metadata)


# Conditions.


async def test_a_server_that_ignores_conditions_is_found_out(juicefs):
    name = f"probed-{secrets.token_hex(6)}"
    async with AsyncStorage("minio", **reached(juicefs)) as storage:
        await storage.create_bucket(name)
        await storage.put(name, "key", b"first")
        with pytest.raises(NotSupported, match="ignores conditions"):
            await storage.put(name, "key", b"second", if_absent=True)
        with pytest.raises(NotSupported, match="ignores conditions"):
            await storage.put(name, "key", b"second", if_match="0" * 32)
        with pytest.raises(NotSupported, match="ignores conditions"):
            await storage.put(name, "key", _stream(20 << 20), if_absent=True)
        assert await storage.get(name, "key") == b"first"
        assert [entry.key async for entry in storage.list(name)] == ["key"]


@pytest.mark.parametrize("service", ["s3", "seaweedfs"])
async def test_conditions_hold_for_parts_too(seaweedfs, bucket, service):
    async with AsyncStorage(service, **reached(seaweedfs)) as storage:
        await storage.put(bucket, "key", _stream(17 << 20), if_absent=True)
        with pytest.raises(PreconditionFailed):
            await storage.put(bucket, "key", _stream(18 << 20), if_absent=True)
        assert (await storage.head(bucket, "key")).size == 17 << 20
        assert [entry.key async for entry in storage.list(bucket)] == ["key"]


async def _stream(size, piece=1 << 20):
    for start in range(0, size, piece):
        yield bytes(min(piece, size - start))


# Checksums.


@pytest.mark.parametrize("checksum", ["crc32c", "md5"])
async def test_what_was_changed_on_its_way_is_not_taken(seaweedfs, storage, bucket, checksum):
    data = os.urandom(300_000)
    async with FaultProxy(seaweedfs.port, Faults(corrupt_request=1.0)) as proxy:
        options = {**reached(seaweedfs), "endpoint": proxy.endpoint(seaweedfs)}
        async with AsyncStorage("s3", checksum=checksum, **options) as between:
            with pytest.raises(ChecksumMismatch):
                await between.put(bucket, "key", data)
            upload = await storage.backend.start_upload(bucket, "parts", PutOptions())
            with pytest.raises(ChecksumMismatch):
                await between.backend.put_part(upload, 1, data)
            await storage.backend.abort_upload(upload)
            proxy.faults = Faults(corrupt=1.0)
            info = await storage.put(bucket, "key", data)
            assert info.etag
            with pytest.raises(ChecksumMismatch):
                await between.get(bucket, "key")
            with pytest.raises(ChecksumMismatch):
                [piece async for piece in between.stream(bucket, "key")]
    assert await storage.get(bucket, "key") == data


async def test_objects_in_parts_have_a_checksum_of_the_whole(seaweedfs, storage, bucket):
    await storage.put(bucket, "parts", _stream(21 << 20))
    async with FaultProxy(seaweedfs.port, Faults(corrupt=1.0)) as proxy:
        options = {**reached(seaweedfs), "endpoint": proxy.endpoint(seaweedfs)}
        async with AsyncStorage("s3", **options) as between:
            with pytest.raises(ChecksumMismatch, match="crc32c"):
                await between.get(bucket, "parts")
    assert await storage.get(bucket, "parts") == bytes(21 << 20)


async def test_a_server_without_crc32c_is_held_to_its_etag(juicefs):
    name = f"etags-{secrets.token_hex(6)}"
    data = os.urandom(100_000)
    async with AsyncStorage("minio", **reached(juicefs)) as storage:
        await storage.create_bucket(name)
        async with FaultProxy(juicefs.port, Faults(corrupt_request=1.0)) as proxy:
            options = {**reached(juicefs), "endpoint": proxy.endpoint(juicefs)}
            async with AsyncStorage("minio", **options) as between:
                with pytest.raises(ChecksumMismatch):
                    await between.put(name, "key", data)
        await storage.put(name, "key", data)
        assert await storage.get(name, "key") == data


async def test_compressed_objects_come_as_they_were_put(storage, bucket):
    data = b"\x1f\x8b\x08\x00not really compressed"
    await storage.put(bucket, "key.gz", data, content_type="application/gzip")
    assert await storage.get(bucket, "key.gz") == data


# Event loops.


def test_one_storage_in_one_loop_after_the_other(seaweedfs):
    name = f"loops-{secrets.token_hex(6)}"
    storage = AsyncStorage("s3", **reached(seaweedfs))

    async def use(key):
        async with storage:
            await storage.create_bucket(name)
            puts = [storage.put(name, f"{key} {n}", b"1", if_absent=True) for n in range(5)]
            await asyncio.gather(*puts)
            await asyncio.gather(*(storage.copy(name, f"{key} 0", f"{n}") for n in range(3)))
            await storage.delete_many(name, [entry.key async for entry in storage.list(name)])
            await storage.delete_bucket(name)

    for key in ("one", "two"):
        asyncio.run(use(key))


# Copies.


async def test_copies_of_the_largest_objects_go_in_parts(storage, bucket, monkeypatch):
    monkeypatch.setattr(rare, "LARGEST_COPY", 1 << 20)  # instead of 5 GiB
    monkeypatch.setattr(rare, "COPY_PART", 5 << 20)
    data = os.urandom(12_345_678)
    await storage.put(bucket, "one", data, content_type="text/csv", metadata={"a": "b"})
    copied = await storage.copy(bucket, "one", "two")
    assert copied.size == len(data)
    assert await storage.get(bucket, "two") == data
    info = await storage.head(bucket, "two")
    assert (info.content_type, dict(info.metadata)) == ("text/csv", {"a": "b"})


async def test_only_what_was_seen_is_copied(storage, bucket):
    seen = await storage.put(bucket, "one", b"seen")
    await storage.put(bucket, "one", b"other")
    with pytest.raises(PreconditionFailed):
        await storage.backend.copy(seen, bucket, "two")
    assert not await storage.exists(bucket, "two")


# Sharing, and many.


async def test_presigned_urls_work(storage, bucket):
    key = "a key/with ü, + and %20"
    await storage.put(bucket, key, b"content")
    reading = await storage.presigned_url(bucket, key, seconds=60)
    writing = await storage.presigned_url(bucket, "new", method="PUT", seconds=60)
    async with aiohttp.ClientSession() as session:
        async with session.get(reading) as answer:
            assert (answer.status, await answer.read()) == (200, b"content")
        async with session.put(writing, data=b"written") as answer:
            assert answer.status == 200
        async with session.get(reading.replace("Signature=", "Signature=0")) as answer:
            assert answer.status == 403
    assert await storage.get(bucket, "new") == b"written"
    with pytest.raises(NotSupported, match="week"):
        await storage.presigned_url(bucket, key, seconds=8 * 24 * 3600)


async def test_five_thousand_at_once(seaweedfs, bucket):
    async with AsyncStorage("seaweedfs", concurrency=5_000, **reached(seaweedfs)) as storage:
        bodies = {f"many/{n:04d}": os.urandom(n % 500) for n in range(5_000)}
        await asyncio.gather(*(storage.put(bucket, key, body) for key, body in bodies.items()))
        got = await asyncio.gather(*(storage.get(bucket, key) for key in bodies))
        assert got == list(bodies.values())
        listed = [(entry.key, entry.size) async for entry in storage.list(bucket, "many/")]
        assert listed == [(key, len(body)) for key, body in bodies.items()]
