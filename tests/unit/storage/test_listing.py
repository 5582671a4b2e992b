"""How the pages of a storage become one listing."""

import pytest

from greenlithops.errors import StorageError
from greenlithops.objects import ListQuery, ObjectInfo, Page
from greenlithops.storage.listing import listing


class _Pages:
    """A server that begins in a folder, and rolls up nothing of it."""

    async def list_page(self, bucket, query, token):
        assert query == ListQuery("l/", "/", "l/sub")
        if token is None:
            keys, folders = ["l/sub/x", "l/sub/y", "l/t"], ["l/sub/", "l/sub/deep/", "l/z/"]
        else:
            keys, folders = ["l/sub/z"], ["l/sub/", "l/zz/"]
        objects = [ObjectInfo(bucket, key, 1) for key in keys]
        return Page(objects, folders, "more" if token is None else None)


async def test_a_common_prefix_is_given_once_however_a_server_gives_it():
    found = listing(_Pages(), "bucket", ListQuery("l/", "/", "l/sub"), None)
    names = [entry if isinstance(entry, str) else entry.key async for entry in found]
    assert names == ["l/sub/", "l/t", "l/z/", "l/zz/"]


class _OnePage:
    """A server that says that there is more, and never gives it."""

    async def list_page(self, bucket, query, token):
        return Page([ObjectInfo(bucket, "key", 1)], [], "more")


async def test_a_listing_that_does_not_go_on_ends_with_an_error():
    found = listing(_OnePage(), "bucket", ListQuery(), None)
    assert [(await anext(found)).key for _ in range(2)] == ["key", "key"]
    with pytest.raises(StorageError, match="again"):
        await anext(found)
