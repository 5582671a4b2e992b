"""What every storage must stand beside the contract: crowds, faults, crashes, altered bytes."""

import asyncio
import contextlib
import os
import secrets

import pytest

from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import (
    ChecksumMismatch,
    PreconditionFailed,
    StorageThrottled,
    StorageUnavailable,
)
from greenlithops.objects import ListQuery, PutOptions
from greenlithops.offload import off_loop
from greenlithops.storage.async_storage import AsyncStorage
from support.faults import FaultProxy, Faults

#: for minutes, as a server's start may take on a busy machine
PATIENT = RetryPolicy(attempts=600, delay=0.02, max_delay=0.3, on=StorageUnavailable)
PART = 1 << 20


class StorageTrials:
    """Tests of one backend against its real server.

    A subclass has fixtures ``server`` and ``lasting`` (a server that keeps what it has when it is
    away), and ``reached(server, endpoint)`` that gives the
    arguments of `AsyncStorage`; attributes say how much is sensible for the server.
    """

    http = True  #: whether faults are injected into HTTP messages or into a plain stream
    faults = Faults()
    crowd = 5_000
    conditions = True

    @contextlib.asynccontextmanager
    async def opened(self, server, endpoint=None, **options):
        arguments = self.reached(server, endpoint or server.endpoint) | options
        async with AsyncStorage(retries=PATIENT, part_bytes=PART, **arguments) as storage:
            yield storage

    @contextlib.asynccontextmanager
    async def troubled(self, server, faults, seed=1):
        """Give a storage behind a proxy, another one without it, a bucket, and the proxy."""
        bucket = f"trial-{secrets.token_hex(6)}"
        async with (
            FaultProxy(server.port, faults, seed=seed, http=self.http, stall_seconds=4.5) as proxy,
            self.opened(server) as plain,
            # On a busy machine, answers that come may take a second: given up, they cost sockets.
            self.opened(server, proxy.endpoint(server), read_timeout=3.0) as storage,
        ):
            await plain.create_bucket(bucket)
            yield storage, plain, bucket, proxy

    async def test_a_crowd(self, server):
        bucket = f"crowd-{secrets.token_hex(6)}"
        async with self.opened(server) as storage:
            await storage.create_bucket(bucket)
            bodies = {f"{n}": os.urandom(n % 200) + str(n).encode() for n in range(self.crowd)}
            await asyncio.gather(*(storage.put(bucket, *item) for item in bodies.items()))
            got = await asyncio.gather(*(storage.get(bucket, key) for key in bodies))
            assert got == list(bodies.values())

    async def test_nothing_is_lost_or_wrong_among_faults(self, server):
        async with self.troubled(server, self.faults) as (storage, plain, bucket, proxy):

            async def one(n):
                key, data = f"{n:03d}", os.urandom(n * 997)
                await storage.put(bucket, key, data)
                assert await storage.get(bucket, key) == data
                assert (await storage.head(bucket, key)).size == len(data)
                if n:
                    assert await storage.get(bucket, key, n, 5 * n) == data[n : 5 * n]
                return key, data

            bodies = dict(await asyncio.gather(*(one(n) for n in range(150))))
            assert [entry.key async for entry in storage.list(bucket)] == list(bodies)
            for key, data in bodies.items():
                assert await plain.get(bucket, key) == data
            await storage.delete_many(bucket, [*bodies])
            assert [entry async for entry in plain.list(bucket)] == []
            assert sum(proxy.counts.values()) > 20

    async def test_large_objects_come_whole_through_faults(self, server):
        async with self.troubled(server, self.faults, seed=2) as (storage, plain, bucket, proxy):
            data = os.urandom(12 * PART + 12_345)

            async def stream():
                for start in range(0, len(data), 300_000):
                    yield data[start : start + 300_000]

            for n in range(4):
                await storage.put(bucket, f"{n}", stream())
                assert await plain.get(bucket, f"{n}") == data
                pieces = [piece async for piece in storage.stream(bucket, f"{n}")]
                assert b"".join(pieces) == data
            assert sum(proxy.counts.values()) > 3

    async def test_one_of_many_creates_among_faults(self, server):
        if not self.conditions:
            return
        async with self.troubled(server, self.faults, seed=3) as (storage, plain, bucket, proxy):

            async def create(race, n):
                with contextlib.suppress(PreconditionFailed):
                    await storage.put(bucket, race, f"{n}", if_absent=True)
                    return n
                return None

            for race in map(str, range(12)):
                done = await asyncio.gather(*(create(race, n) for n in range(12)))
                winners = [n for n in done if n is not None]
                assert len(winners) == 1
                assert await plain.get(bucket, race) == f"{winners[0]}".encode()
            assert sum(proxy.counts.values()) > 5

    async def test_altered_bytes_are_noticed(self, server):
        if not self.http:
            return
        data = os.urandom(100_000)
        async with self.troubled(server, Faults()) as (storage, plain, bucket, proxy):
            await plain.put(bucket, "key", data)
            proxy.faults = Faults(corrupt=1.0)
            with pytest.raises(ChecksumMismatch):
                await storage.get(bucket, "key")
            proxy.faults = Faults(corrupt_request=1.0)
            with pytest.raises(ChecksumMismatch):
                await storage.put(bucket, "other", data)
            # Each is tried once more, in case it was the network's doing.
            assert proxy.counts == {"corrupt": 2, "corrupt_request": 2}

    @pytest.mark.parametrize("fault", ["busy", "throttle"])
    async def test_who_refuses_says_when_to_come_back(self, server, fault):
        if not self.http:
            return
        async with (
            FaultProxy(server.port, Faults(**{fault: 1.0}), retry_after=7) as proxy,
            self.opened(server, proxy.endpoint(server)) as storage,
        ):
            for attempt in (
                storage.backend.head("bucket", "key"),
                storage.backend.put("bucket", "key", b"1", PutOptions()),
                storage.backend.list_page("bucket", ListQuery(), None),
            ):
                with pytest.raises(StorageUnavailable) as caught:
                    await attempt
                assert caught.value.retry_after == 7
                assert isinstance(caught.value, StorageThrottled) or fault == "busy"
            assert proxy.counts == {fault: 3}

    async def test_a_server_that_is_away_for_a_while(self, lasting):
        server = lasting
        bucket = f"away-{secrets.token_hex(6)}"
        data = os.urandom(8 * PART)
        async with self.opened(server) as storage:
            await storage.create_bucket(bucket)

            async def stream():
                for start in range(0, len(data), PART // 2):
                    if start == 4 * PART:
                        await off_loop(self.leave, server)
                        returning.append(asyncio.create_task(off_loop(server.restart)))
                    yield data[start : start + PART // 2]

            returning = []
            info = await storage.put(bucket, "key", stream())
            assert info.size == len(data)
            assert await storage.get(bucket, "key") == data
            await returning[0]

    def leave(self, server):
        """Take the server away in the middle of an upload."""
        server.kill()
