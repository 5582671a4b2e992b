"""Replies that come through a storage that does not give all of them."""

import asyncio

import pytest

import greenlithops as gl
from greenlithops.backends.compute.http.depot import Messages
from greenlithops.backends.compute.http.mailbox import Mailbox
from greenlithops.errors import StorageUnavailable, WorkerLost
from greenlithops.worker import invocation
from support.clock import soon

BUCKET, KEY = "replies", b"the key of these tests"


class Failing:
    """A storage in memory, whose URLs are keys, and which does not do what it is told not to."""

    bucket = BUCKET

    def __init__(self, storage, *fails):
        self._storage = storage
        self._fails = fails
        self.put, self.presigned_url = storage.put, self._url

    async def _url(self, bucket, key, *, method, seconds):
        return key

    async def get(self, bucket, key):
        return await self._told("get", self._storage.get(bucket, key))

    async def delete(self, bucket, key):
        await self._told("delete", self._storage.delete(bucket, key))

    async def list(self, bucket, prefix):
        if "list" in self._fails:
            raise StorageUnavailable("it is not there")
        if "break" in self._fails:
            raise RuntimeError("a mistake in a storage")
        async for one in self._storage.list(bucket, prefix):
            yield one

    async def _told(self, what, work):
        if what in self._fails:
            work.close()
            raise StorageUnavailable("it is not there")
        return await work


@pytest.fixture
async def storage():
    async with gl.AsyncStorage("memory", bucket=BUCKET) as storage:
        await storage.create_bucket(BUCKET)
        yield storage


async def replied(storage, *fails):
    mailbox = Mailbox(
        Messages(Failing(storage, *fails), BUCKET), KEY, queue_seconds=60, run_seconds=60
    )

    async def post(url):
        body = invocation.pack(KEY, invocation.REPLY, (invocation.OUTCOMES, url))
        await storage.put(BUCKET, url, body)

    try:
        async with soon(60):
            found = await asyncio.gather(
                *(mailbox.reply(post) for _ in range(3)), return_exceptions=True
            )
    finally:
        await mailbox.close()
    return found


@pytest.mark.parametrize("what", ["list", "get", "break"])
async def test_a_storage_that_fails_leaves_nobody_waiting(storage, what):
    for error in await replied(storage, what):
        assert type(error) is WorkerLost
        assert "storage" in str(error)
        assert error.__cause__ is not None


async def test_what_cannot_be_deleted_has_been_read_all_the_same(storage):
    for body in await replied(storage, "delete"):
        content, _ = invocation.unpack(KEY, invocation.REPLY, body)
        assert content[0] == invocation.OUTCOMES
