"""What every storage backend must do when several use it at once; part of its contract."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import pytest

from greenlithops.errors import NoSuchKey, NotSupported, PreconditionFailed, StorageClosed
from greenlithops.objects import Span

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from greenlithops.storage.async_storage import AsyncStorage

MIB = 1 << 20


class TogetherContract:
    """The part of `greenlithops.testing.storage.StorageContract` about several users at once."""

    conditions = True  #: whether it knows conditional writes

    # Objects that others use too.

    async def test_many_at_once(self, storage: AsyncStorage, bucket: str) -> None:
        bodies = {f"key {n}": os.urandom(n % 300) for n in range(500)}
        await asyncio.gather(*(storage.put(bucket, key, body) for key, body in bodies.items()))
        got = await asyncio.gather(*(storage.get(bucket, key) for key in bodies))
        assert got == list(bodies.values())

    async def test_an_object_that_is_overwritten_is_got_old_or_new(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        old, new = b"o" * (9 * MIB), b"n" * (5 * MIB)
        await storage.put(bucket, "key", old)
        writing = True

        async def write() -> None:
            nonlocal writing
            for body in (new, old, new, old):
                await storage.put(bucket, "key", body)
            writing = False

        async def read() -> None:
            while writing:
                assert await storage.get(bucket, "key") in (old, new)
                assert set(await storage.get(bucket, "key", MIB, 5 * MIB)) in ({b"o"[0]}, {b"n"[0]})

        await asyncio.gather(write(), *(read() for _ in range(3)))

    async def test_the_last_of_several_writers_wins(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        first, finished = asyncio.Event(), []

        async def parts(number: int) -> AsyncIterator[bytes]:
            for _ in range(3):
                yield bytes([number]) * (6 * MIB)
            if number == 1:
                await first.wait()

        async def write(number: int) -> None:
            await storage.put(bucket, "key", parts(number))
            finished.append(number)
            first.set()

        await asyncio.gather(*map(write, range(3)))
        whole = await storage.get(bucket, "key")
        assert whole in {bytes([number]) * (18 * MIB) for number in range(3)}
        assert whole[0] != finished[0]
        assert [entry.key async for entry in storage.list(bucket)] == ["key"]  # type: ignore[union-attr]  # no prefixes were asked for

    async def test_nothing_goes_after_closing(self, storage: AsyncStorage, bucket: str) -> None:
        await storage.put(bucket, "key", b"1")
        await storage.close()
        for attempt in (
            storage.get(bucket, "key"),
            storage.put(bucket, "key", b"2"),
            storage.create_bucket(bucket),
            anext(aiter(storage.list(bucket))),
            anext(aiter(storage.stream(bucket, "key"))),
        ):
            with pytest.raises(StorageClosed, match="closed"):
                await attempt
        await storage.__aenter__()  # it stays open for what comes after the test
        assert await storage.get(bucket, "key") == b"1"

    async def test_what_runs_ends_when_it_is_closed(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        await storage.put(bucket, "key", bytes(20 * MIB))

        async def stream() -> None:
            async for _ in storage.stream(bucket, "key"):
                await asyncio.sleep(0.01)

        async def again(operation: Callable[[], Awaitable[object]]) -> None:
            while True:
                await operation()
                await asyncio.sleep(0)  # some storages never wait for anything

        running = [
            stream(),
            again(lambda: storage.get(bucket, "key")),
            again(lambda: storage.head(bucket, "key")),
            again(lambda: storage.put(bucket, "other", bytes(20 * MIB))),
        ]
        tasks = [asyncio.create_task(one) for one in running]
        await asyncio.sleep(0.1)
        await storage.close()
        async with asyncio.timeout(60):
            ended = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(isinstance(each, StorageClosed | None) for each in ended), ended
        await storage.__aenter__()  # as above

    # Conditions.

    async def test_create_only_if_absent(self, storage: AsyncStorage, bucket: str) -> None:
        if not self.conditions:
            with pytest.raises(NotSupported):
                await storage.put(bucket, "key", b"1", if_absent=True)
            return
        await storage.put(bucket, "key", b"first", if_absent=True)
        with pytest.raises(PreconditionFailed) as caught:
            await storage.put(bucket, "key", b"second", if_absent=True)
        assert isinstance(caught.value, FileExistsError)
        assert await storage.get(bucket, "key") == b"first"

    async def test_one_of_many_creates(self, storage: AsyncStorage, bucket: str) -> None:
        if not self.conditions:
            return

        async def create(n: int) -> bool:
            try:
                await storage.put(bucket, "race", str(n), if_absent=True)
            except PreconditionFailed:
                return False
            return True

        won = await asyncio.gather(*(create(n) for n in range(30)))
        assert sum(won) == 1
        assert await storage.get(bucket, "race") == str(won.index(True)).encode()

    async def test_replace_only_what_is_known(self, storage: AsyncStorage, bucket: str) -> None:
        if not self.conditions:
            return
        first = await storage.put(bucket, "key", b"first")
        second = await storage.put(bucket, "key", b"second", if_match=first.etag)
        with pytest.raises(PreconditionFailed):
            await storage.put(bucket, "key", b"third", if_match=first.etag)
        assert await storage.get(bucket, "key") == b"second"
        assert (await storage.head(bucket, "key")).etag == second.etag
        with pytest.raises((PreconditionFailed, NoSuchKey)):
            await storage.put(bucket, "none", b"1", if_match=first.etag)

    async def test_an_object_that_changed_is_not_read_on(
        self, storage: AsyncStorage, bucket: str
    ) -> None:
        old = await storage.put(bucket, "key", b"old")
        await storage.put(bucket, "key", b"new")
        with pytest.raises(PreconditionFailed):
            async with storage.backend.open(bucket, "key", Span(1), if_match=old.etag) as body:
                await body.read()
