"""Uploads in parts of which any one answer is lost: the object is whole, no part is left."""

import secrets

import pytest
from test_s3 import reached

from greenlithops.backends.storage.names import PARTS
from greenlithops.dispatch.retry import RetryPolicy
from greenlithops.errors import StorageUnavailable
from greenlithops.storage.async_storage import AsyncStorage
from support.clock import BUSY, soon
from support.faults import FaultProxy, Faults

SOON_AGAIN = RetryPolicy(attempts=5, delay=0.01, on=StorageUnavailable)


class Losing(FaultProxy):
    """Loses the answer to one request; `seen` says how many there were."""

    lost = seen = 0

    def _roll(self):
        self.seen += 1
        return "reset_answered" if self.seen == self.lost else None


@pytest.fixture(params=["seaweedfs", "gcs", "azure"])
def place(request):
    """Return a server, the options of a storage at it, and the bytes of a small part."""
    if request.param == "seaweedfs":
        server = request.getfixturevalue("seaweedfs")
        return server, {"backend": "seaweedfs", **reached(server)}, 5 << 20
    if request.param == "gcs":
        server = request.getfixturevalue("fake_gcs")
        return server, {"backend": "gcs", "endpoint": server.endpoint}, 1 << 20
    server = request.getfixturevalue("azurite")
    options = {"account": server.user, "key": server.secret, "endpoint": server.endpoint}
    return server, {"backend": "azure", **options}, 1 << 16


async def test_an_upload_of_which_any_answer_is_lost(place):
    server, options, part = place
    content = secrets.token_bytes(2 * part + 1)
    async with (
        soon(BUSY),
        AsyncStorage(**options) as direct,
        Losing(server.port, Faults()) as proxy,
        AsyncStorage(
            **{**options, "endpoint": proxy.endpoint(server)},
            retries=SOON_AGAIN,
            part_bytes=part,
            concurrency=1,
        ) as storage,
    ):
        bucket = f"lost-{secrets.token_hex(6)}"
        await direct.create_bucket(bucket)
        await storage.put(bucket, "first", content, if_absent=True)  # finds out what it has to
        before = []
        while proxy.seen >= proxy.lost:
            proxy.seen, proxy.lost = 0, proxy.lost + 1
            key = f"key-{proxy.lost}"
            info = await storage.put(bucket, key, content, if_absent=True)
            assert info.size == len(content)
            assert await direct.get(bucket, key) == content
            left = [entry.key async for entry in direct.list(bucket, PARTS)]
            if proxy.lost > 1:  # nobody knows the name of what was begun, if that is what was lost
                assert left == before, f"after answer {proxy.lost}"
            before = left
