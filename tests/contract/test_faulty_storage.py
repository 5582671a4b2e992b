"""The contract holds over a storage of which every fourth request or answer is lost."""

import os
import secrets

import pytest

from greenlithops.backends.storage.memory import MemoryStorage
from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import (
    ChecksumMismatch,
    NoSuchBucket,
    PreconditionFailed,
    StorageUnavailable,
)
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.testing.faults import FaultyStorage
from greenlithops.testing.storage import StorageContract

PATIENT = RetryPolicy(attempts=30, delay=0.0005, max_delay=0.001, on=StorageUnavailable)


def faulty(rate=0.25, seed=1):
    return FaultyStorage(MemoryStorage(secrets.token_hex(8)), rate, seed)


class TestContract(StorageContract):
    presigned = False  # nobody else can reach this memory

    @pytest.fixture
    async def storage(self, tmp_path_factory, monkeypatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        async with AsyncStorage(_Direct(faulty()), retries=PATIENT) as storage:
            yield storage

    @pytest.fixture
    async def bucket(self, storage):
        await storage.create_bucket("bucket")
        return "bucket"


class _Direct:
    """Fails in what is retried above it, and not where a test speaks to the backend itself."""

    def __init__(self, faulty):
        self._faulty = faulty
        self.name, self.scheme, self.limits = faulty.name, faulty.scheme, faulty.limits

    async def __aenter__(self):
        return await self._faulty.__aenter__()

    async def __aexit__(self, *about):
        await self._faulty.__aexit__(*about)

    def __getattr__(self, name):
        return getattr(self._faulty._backend, name)


async def test_a_bucket_is_deleted_although_the_answer_is_lost():
    backend = MemoryStorage(secrets.token_hex(8))
    delete_bucket, answers = backend.delete_bucket, []

    async def unanswered(bucket):
        await delete_bucket(bucket)
        answers.append(bucket)
        raise StorageUnavailable(bucket=bucket)

    async with AsyncStorage(backend, retries=PATIENT) as storage:
        await storage.create_bucket("bucket")
        backend.delete_bucket = unanswered
        await storage.delete_bucket("bucket")
        assert answers == ["bucket"]
        with pytest.raises(NoSuchBucket):
            await storage.delete_bucket("bucket")


@pytest.mark.parametrize("seed", range(20))
async def test_conditional_writes_happen_exactly_once(seed):
    backend = faulty(0.4, seed)
    async with AsyncStorage(backend, retries=PATIENT) as storage:
        await storage.create_bucket("bucket")
        for n in range(20):
            info = await storage.put("bucket", f"key {n}", b"mine", if_absent=True)
            assert info.key == f"key {n}"
            with pytest.raises(PreconditionFailed):
                await storage.put("bucket", f"key {n}", b"mine", if_absent=True)
    assert backend.faults["answer"] > 0
    assert backend.faults["request"] > 0


@pytest.mark.parametrize("seed", range(5))
async def test_streams_go_on_where_they_were_cut(seed):
    backend = faulty(0.3, seed)
    data = os.urandom(40 << 20)
    async with AsyncStorage(backend, retries=PATIENT) as storage:
        await storage.create_bucket("bucket")

        async def source():
            for start in range(0, len(data), 3_000_001):
                yield data[start : start + 3_000_001]

        await storage.put("bucket", "key", source())
        assert b"".join([piece async for piece in storage.stream("bucket", "key")]) == data
    assert backend.faults["body"] > 0


async def test_what_stays_away_is_reported():
    async with AsyncStorage(faulty(1.0), retries=2) as storage:
        with pytest.raises(StorageUnavailable, match="lost"):
            await storage.put("bucket", "key", b"1")


class _Altering(FaultyStorage):
    """Finds so many bodies altered."""

    def __init__(self, times):
        super().__init__(MemoryStorage(secrets.token_hex(8)), 0.0)
        self.left = times

    async def put(self, bucket, key, body, options):
        if self.left:
            self.left -= 1
            raise ChecksumMismatch("altered")
        return await super().put(bucket, key, body, options)


async def test_what_was_altered_on_the_way_is_sent_once_more():
    async with AsyncStorage(_Altering(1), retries=PATIENT) as storage:
        await storage.create_bucket("bucket")
        await storage.put("bucket", "key", b"1")
        assert await storage.get("bucket", "key") == b"1"
    for times, retries in ((2, PATIENT), (1, 0)):
        async with AsyncStorage(_Altering(times), retries=retries) as storage:
            await storage.create_bucket("bucket")
            with pytest.raises(ChecksumMismatch):
                await storage.put("bucket", "key", b"1")
