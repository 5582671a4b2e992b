"""What every storage backend must do, as tests for pytest: subclass it, and give it a storage."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
from typing import TYPE_CHECKING

import pytest

from greenlithops.errors import (
    InvalidName,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    NotSupported,
    StorageError,
)
from greenlithops.objects import ObjectInfo
from greenlithops.offload import off_loop
from greenlithops.testing.storage_parts import PartsContract
from greenlithops.testing.storage_together import TogetherContract

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from greenlithops.storage.async_storage import AsyncStorage

ODD_KEYS = (
    "plain",
    "with space and + plus",
    "percent%20%2F%",
    "../up/../../and.away",
    "./here/.",
    "..",
    "/leading/slash",
    "//double//slash//",
    "trailing/",
    "double//within",
    "üñî/çødé/日本語/🚀",
    "e\u0301 and \u00e9",
    "quotes'\"`<>&;?#[]{}|\\^~=,:@!$*()",
    "tab\tand\nnewline",
    "plain/below a key",
    "plain.txt",
    "plain%",
    "k" * 1024,
    "long/" + "ü" * 500,
    ("s" * 127 + "/") * 7 + "s" * 128,  # 1,024 bytes where a step has at most 255
    "-" * 300 + "/" + "%" * 300,
)


class StorageContract(PartsContract, TogetherContract):
    """Tests of one backend; they need pytest-asyncio in its automatic mode.

    A subclass has two fixtures: ``storage``, an open `AsyncStorage`, and ``bucket``, the name of
    a bucket of its own that is there. Class attributes say what a service cannot do; whoever sets
    one says why beside it.
    """

    odd_keys: tuple[str, ...] = ODD_KEYS  #: what it has of them; the others are refused
    presigned = True  #: whether it has URLs
    user_metadata = True  #: whether it keeps metadata
    underscores = True  #: whether names of metadata may have them
    folder_keys = True  #: whether a key may end with a slash

    # One object.

    async def test_what_was_put_is_got(self, storage: AsyncStorage, bucket: str) -> None:
        for size in (0, 1, 4095, 65_536, 3_000_001):
            data = os.urandom(size)
            info = await storage.put(bucket, f"of {size}", data)
            assert (info.bucket, info.key, info.size) == (bucket, f"of {size}", size)
            assert await storage.get(bucket, f"of {size}") == data
            assert (await storage.head(bucket, f"of {size}")).size == size

    async def test_a_later_put_replaces(self, storage: AsyncStorage, bucket: str) -> None:
        first = await storage.put(bucket, "key", b"one, and longer")
        second = await storage.put(bucket, "key", "zwei")
        assert await storage.get(bucket, "key") == b"zwei"
        assert first.etag != second.etag
        assert (await storage.head(bucket, "key")).etag == second.etag

    async def test_anything_can_be_put(
        self, storage: AsyncStorage, bucket: str, tmp_path: Path
    ) -> None:
        data = os.urandom(100_000)
        path = tmp_path / "file"
        await off_loop(path.write_bytes, data)

        async def stream() -> object:
            for start in range(0, len(data), 7_777):
                yield data[start : start + 7_777]

        for body in (bytearray(data), memoryview(data), path, io.BytesIO(data), stream()):
            await storage.put(bucket, "any", body)
            assert await storage.get(bucket, "any") == data
        await storage.put(bucket, "any", "täxt")
        assert await storage.get(bucket, "any") == "täxt".encode()

    async def test_media_type_and_metadata_are_kept(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        metadata = {"colour": "green", "answer-to": "42 = 6 * 7"} if self.user_metadata else {}
        if metadata and self.underscores:
            metadata["a_b-c__d"] = "e  f"
        await storage.put(bucket, "key", b"1", content_type="text/csv", metadata=metadata)
        info = await storage.head(bucket, "key")
        assert info.content_type == "text/csv"
        assert dict(info.metadata) == metadata
        await storage.put(bucket, "key", b"2")
        assert not (await storage.head(bucket, "key")).metadata

    async def test_the_time_of_change_is_told(self, storage: AsyncStorage, bucket: str) -> None:
        await storage.put(bucket, "key", b"1")
        modified = (await storage.head(bucket, "key")).modified
        assert modified is not None
        assert modified > 1.7e9  # noqa: PLR2004 - the end of 2023, in seconds

    async def test_ranges(self, storage: AsyncStorage, bucket: str) -> None:
        data = os.urandom(10_000)
        await storage.put(bucket, "key", data)
        assert await storage.get(bucket, "key", 0, 1) == data[:1]
        assert await storage.get(bucket, "key", 9_999) == data[9_999:]
        assert await storage.get(bucket, "key", 1_000, 5_000) == data[1_000:5_000]
        assert await storage.get(bucket, "key", 9_000, 99_000) == data[9_000:]
        assert await storage.get(bucket, "key", -100) == data[-100:]
        assert await storage.get(bucket, "key", -99_000) == data
        for start, stop in ((10_000, None), (10_000, 10_001), (50_000, None)):
            with pytest.raises(InvalidRange):
                await storage.get(bucket, "key", start, stop)

    async def test_streams(self, storage: AsyncStorage, bucket: str) -> None:
        data = os.urandom(5_000_000)
        await storage.put(bucket, "key", data)
        assert b"".join([piece async for piece in storage.stream(bucket, "key")]) == data
        middle = [piece async for piece in storage.stream(bucket, "key", 1_000_000, 4_000_000)]
        assert b"".join(middle) == data[1_000_000:4_000_000]
        await storage.put(bucket, "empty", b"")
        assert [piece async for piece in storage.stream(bucket, "empty")] == []

    async def test_a_stream_may_be_left_early(self, storage: AsyncStorage, bucket: str) -> None:
        await storage.put(bucket, "key", bytes(8_000_000))
        for _ in range(3):
            stream = storage.stream(bucket, "key")
            async for piece in stream:
                assert piece
                break
            await stream.aclose()  # type: ignore[attr-defined]  # it is a generator
        assert await storage.get(bucket, "key", 0, 3) == bytes(3)

    async def test_odd_keys(self, storage: AsyncStorage, bucket: str) -> None:
        keys = self.odd_keys
        await self._put_in_turn(storage, bucket, keys)
        for key in keys:
            assert await storage.get(bucket, key) == key.encode(), key
            assert (await storage.head(bucket, key)).key == key
        listed = [entry.key async for entry in storage.list(bucket)]  # type: ignore[union-attr]
        assert listed == sorted(keys, key=str.encode)
        await storage.copy(bucket, keys[-1], keys[0] + " copy")
        await storage.delete_many(bucket, keys)
        assert [entry async for entry in storage.list(bucket)] != []
        await storage.delete(bucket, keys[0] + " copy")
        assert [entry async for entry in storage.list(bucket)] == []

    async def test_other_odd_keys_are_refused(self, storage: AsyncStorage, bucket: str) -> None:
        for key in set(ODD_KEYS).difference(self.odd_keys):
            with pytest.raises(InvalidName):
                await storage.put(bucket, key, b"1")
        assert [entry async for entry in storage.list(bucket)] == []

    async def test_keys_that_cannot_be(self, storage: AsyncStorage, bucket: str) -> None:
        for key in ("", "k" * 1_025, "\ud800"):
            with pytest.raises(InvalidName):
                await storage.put(bucket, key, b"1")
            with pytest.raises(InvalidName):
                await storage.delete(bucket, key)

    async def _put_in_turn(self, storage: AsyncStorage, bucket: str, keys: Iterable[str]) -> None:
        # SeaweedFS hides what is below a key from listings when both are made at the same moment.
        for key in keys:
            await storage.put(bucket, key, key)

    # What is missing.

    async def test_missing_objects(self, storage: AsyncStorage, bucket: str) -> None:
        with pytest.raises(NoSuchKey) as caught:
            await storage.get(bucket, "missing")
        assert isinstance(caught.value, FileNotFoundError)
        assert (caught.value.bucket, caught.value.key) == (bucket, "missing")
        with pytest.raises(NoSuchKey):
            await storage.head(bucket, "missing")
        with pytest.raises(NoSuchKey):
            await storage.copy(bucket, "missing", "other")
        with pytest.raises(NoSuchKey):
            [piece async for piece in storage.stream(bucket, "missing")]
        assert not await storage.exists(bucket, "missing")
        await storage.delete(bucket, "missing")

    async def test_missing_buckets(self, storage: AsyncStorage) -> None:
        bucket = f"missing-{secrets.token_hex(6)}"
        with pytest.raises(NoSuchBucket):
            await storage.head_bucket(bucket)
        with pytest.raises(NoSuchBucket):
            await storage.put(bucket, "key", b"1")
        with pytest.raises((NoSuchBucket, NoSuchKey)):
            await storage.get(bucket, "key")
        with pytest.raises(NoSuchBucket):
            await storage.delete(bucket, "key")
        with pytest.raises(NoSuchBucket):
            [entry async for entry in storage.list(bucket)]

    async def test_buckets(self, storage: AsyncStorage) -> None:
        bucket = f"made-{secrets.token_hex(6)}"
        await storage.create_bucket(bucket)
        await storage.create_bucket(bucket)
        await storage.head_bucket(bucket)
        await storage.put(bucket, "key", b"1")
        with pytest.raises(StorageError):
            await storage.delete_bucket(bucket)
        await storage.delete(bucket, "key")
        await storage.delete_bucket(bucket)
        with pytest.raises(NoSuchBucket):
            await storage.head_bucket(bucket)

    # Many objects.

    async def test_listing(self, storage: AsyncStorage, bucket: str) -> None:
        keys = [f"a/{n}/{m}" for n in range(3) for m in range(4)] + ["a.b", "a", "b", "a0"]
        folder = ["a/"] if self.folder_keys else []
        keys += folder
        await self._put_in_turn(storage, bucket, keys)
        ordered = sorted(keys, key=str.encode)

        async def names(*args: str, **kwargs: str) -> list[str]:
            entries = [entry async for entry in storage.list(bucket, *args, **kwargs)]
            return [entry if isinstance(entry, str) else entry.key for entry in entries]

        assert await names() == ordered
        assert await names("a/1/") == [f"a/1/{m}" for m in range(4)]
        assert await names("a/1") == [f"a/1/{m}" for m in range(4)]
        assert await names("nothing") == []
        assert await names(delimiter="/") == ["a", "a.b", "a/", "a0", "b"]
        assert await names("a/", delimiter="/") == [*folder, "a/0/", "a/1/", "a/2/"]
        assert await names("a/", delimiter="/", start_after="a/1/") == ["a/2/"]
        assert await names("a/1/", start_after="a") == [f"a/1/{m}" for m in range(4)]
        assert await names("a/1/", start_after="b") == []
        assert await names(start_after="a/1/1") == ordered[ordered.index("a/1/1") + 1 :]
        # After an object that is a folder's name, too; after a folder's, no object has that name.
        assert await names(start_after="a") == ordered[ordered.index("a") + 1 :]
        assert await names(start_after="a/1") == ordered[ordered.index("a/1/0") :]
        assert await names(delimiter="/", start_after="a") == ["a.b", "a/", "a0", "b"]
        assert await names(delimiter="/", start_after="a/1/1") == ["a0", "b"]
        assert await names("a/", delimiter="/", start_after="a/1") == ["a/1/", "a/2/"]
        assert await names(match="a/*/3") == ["a/0/3", "a/1/3", "a/2/3"]
        sizes = [entry async for entry in storage.list(bucket, "b")]
        assert isinstance(sizes[0], ObjectInfo)
        assert sizes[0].size == 1

    async def test_listing_more_than_a_page(self, storage: AsyncStorage, bucket: str) -> None:
        keys = sorted(f"{n % 7}/{n:05d}" for n in range(2_300))
        await asyncio.gather(*(storage.put(bucket, key, b"") for key in keys))
        assert [entry.key async for entry in storage.list(bucket)] == keys  # type: ignore[union-attr]
        after = [entry async for entry in storage.list(bucket, start_after=keys[1_500])]
        assert len(after) == len(keys) - 1_501
        rolled = [entry async for entry in storage.list(bucket, delimiter="/")]
        assert rolled == [f"{n}/" for n in range(7)]
        await storage.delete_many(bucket, keys)
        assert [entry async for entry in storage.list(bucket)] == []

    async def test_copies(self, storage: AsyncStorage, bucket: str) -> None:
        data = os.urandom(100_000)
        metadata = {"kept": "yes"} if self.user_metadata else {}
        await storage.put(bucket, "one", data, metadata=metadata)
        copied = await storage.copy(bucket, "one", "two")
        assert (copied.key, copied.size) == ("two", len(data))
        assert await storage.get(bucket, "two") == data
        assert dict((await storage.head(bucket, "two")).metadata) == metadata
        assert (await storage.copy(bucket, "two", "two")).size == len(data)
        assert await storage.get(bucket, "two") == data

    # Sharing.

    async def test_presigned_urls(self, storage: AsyncStorage, bucket: str) -> None:
        if self.presigned:
            url = await storage.presigned_url(bucket, "a key", seconds=60)
            assert url.startswith("http")
        else:
            with pytest.raises(NotSupported):
                await storage.presigned_url(bucket, "a key")

    async def test_cloud_objects(self, storage: AsyncStorage, bucket: str) -> None:
        one = await storage.put_cloudobject(b"one", bucket)
        two = await storage.put_cloudobject("two", bucket, "named")
        assert two.key == "named"
        assert await storage.get_cloudobject(one) == b"one"
        await storage.delete_cloudobjects([one, two])
        assert [entry async for entry in storage.list(bucket)] == []
