"""What every storage backend must do with large objects and files; part of its contract."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from greenlithops.errors import NoSuchKey, NoSuchUpload
from greenlithops.objects import PutOptions
from greenlithops.offload import off_loop

if TYPE_CHECKING:
    from pathlib import Path

    from greenlithops.storage.async_storage import AsyncStorage


class PartsContract:
    """The part of `greenlithops.testing.storage.StorageContract` about what goes in parts."""

    async def test_large_objects_go_in_parts(self, storage: AsyncStorage, bucket: str) -> None:
        data = os.urandom(23 << 20)
        told: list[int] = []

        async def stream() -> object:
            for start in range(0, len(data), 1_000_003):
                yield data[start : start + 1_000_003]

        info = await storage.put(
            bucket, "large", stream(), on_progress=lambda done, _: told.append(done)
        )
        assert info.size in (len(data), -1)
        assert told[-1] == len(data)
        assert len(told) > 1
        assert await storage.get(bucket, "large") == data
        digest = hashlib.sha256()
        async for piece in storage.stream(bucket, "large"):
            digest.update(piece)
        assert digest.digest() == hashlib.sha256(data).digest()
        assert (await storage.head(bucket, "large")).size == len(data)

    async def test_an_upload_that_fails_leaves_nothing(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        async def stream() -> object:
            for _ in range(20):
                yield bytes(1 << 20)
            raise KeyError("the source broke")

        with pytest.raises(KeyError):
            await storage.put(bucket, "broken", stream())
        assert [entry async for entry in storage.list(bucket)] == []

    async def test_uploads_may_be_resumed(self, storage: AsyncStorage, bucket: str) -> None:
        backend = storage.backend
        if not backend.limits.resumable:
            return
        size = max(backend.limits.min_part, 1000)
        options = PutOptions(content_type="text/plain")
        upload = await backend.start_upload(bucket, "parts", options)
        await backend.put_part(upload, 1, b"1" * size)
        await backend.put_part(upload, 2, b"wrong" + bytes(size))
        await backend.put_part(upload, 2, b"2" * size)
        have = list(await backend.uploaded_parts(upload))
        assert [part.number for part in have] == [1, 2]
        have.append(await backend.put_part(upload, 3, b"3"))
        assert not await storage.exists(bucket, "parts")
        await backend.finish_upload(upload, have, options)
        assert await storage.get(bucket, "parts") == b"1" * size + b"2" * size + b"3"
        assert (await storage.head(bucket, "parts")).content_type == "text/plain"

    async def test_aborted_uploads_are_gone(self, storage: AsyncStorage, bucket: str) -> None:
        backend = storage.backend
        upload = await backend.start_upload(bucket, "parts", PutOptions())
        await backend.put_part(upload, 1, bytes(max(backend.limits.min_part, 1)))
        await backend.abort_upload(upload)
        await backend.abort_upload(upload)
        assert not await storage.exists(bucket, "parts")
        if backend.limits.resumable:
            with pytest.raises(NoSuchUpload):
                await backend.uploaded_parts(upload)

    async def test_files(self, storage: AsyncStorage, bucket: str, tmp_path: Path) -> None:
        data = os.urandom(17 << 20)
        source, target = tmp_path / "source", tmp_path / "target"
        await off_loop(source.write_bytes, data)
        for resume in (False, True):
            await storage.upload_file(source, bucket, "file", resume=resume)
            await storage.download_file(bucket, "file", target, resume=resume)
            assert await off_loop(target.read_bytes) == data
            assert sorted(await off_loop(os.listdir, tmp_path)) == ["source", "target"]
            await off_loop(target.unlink)
        with pytest.raises(NoSuchKey):
            await storage.download_file(bucket, "missing", target)
        assert not await off_loop(target.exists)

    async def test_an_interrupted_upload_may_be_abandoned(
        self, storage: AsyncStorage, bucket: str, tmp_path: Path
    ) -> None:
        if not storage.backend.limits.resumable:
            return
        source = tmp_path / "source"
        await off_loop(source.write_bytes, os.urandom(20 << 20))
        sent = asyncio.Event()

        def told(done: int, _: int | None) -> None:
            if done:
                sent.set()

        uploading = asyncio.create_task(
            storage.upload_file(source, bucket, "file", resume=True, on_progress=told)
        )
        await sent.wait()
        uploading.cancel()
        await asyncio.wait([uploading])
        await off_loop(source.unlink)
        assert await storage.abandon_upload(source, bucket, "file")
        assert not await storage.abandon_upload(source, bucket, "file")
        assert not await storage.exists(bucket, "file")
