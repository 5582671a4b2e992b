"""Listings as boto3's paginators give them, and storages that are closed."""

import pytest

import greenlithops as gl
from greenlithops.errors import NotSupported, StorageClosed, UsageError
from greenlithops.sync.storage_host import close_storages

KEYS = [f"d{number // 3}/{number}" for number in range(10)]


@pytest.fixture
def storage(request):
    storage = gl.Storage({"memory": {"name": request.node.name}}, "memory")
    for key in KEYS:
        storage.put_object("b", key, key)
    return storage


@pytest.fixture
def paginator(storage):
    return storage.get_client().get_paginator("list_objects_v2")


def keys(page):
    return [entry["Key"] for entry in page.get("Contents", ())]


def test_pages_of_a_size_and_a_number_of_entries(paginator):
    pages = paginator.paginate(Bucket="b", PaginationConfig={"PageSize": 4})
    assert [keys(page) for page in pages] == [KEYS[:4], KEYS[4:8], KEYS[8:]]
    assert pages.resume_token is None
    pages = paginator.paginate(Bucket="b", PaginationConfig={"PageSize": "4", "MaxItems": 6})
    for _ in range(2):  # they may be gone through again
        assert [keys(page) for page in pages] == [KEYS[:4], KEYS[4:6]]
    config = {"StartingToken": pages.resume_token}
    rest = paginator.paginate(Bucket="b", PaginationConfig=config)
    assert [keys(page) for page in rest] == [KEYS[6:]]
    assert [keys(page) for page in paginator.paginate(Bucket="b")] == [KEYS]
    assert list(paginator.paginate(Bucket="b", PaginationConfig={"MaxItems": 0})) == []


def test_all_pages_as_one(paginator):
    config = {"PageSize": 2, "MaxItems": 9}
    whole = paginator.paginate(Bucket="b", PaginationConfig=config).build_full_result()
    assert keys(whole) == KEYS[:9]
    assert whole["NextToken"]
    pages = paginator.paginate(Bucket="b", Delimiter="/", PaginationConfig={"PageSize": 3})
    assert pages.build_full_result() == {
        "CommonPrefixes": [{"Prefix": f"d{number}/"} for number in range(4)]
    }


def test_searching_in_pages(paginator):
    pages = paginator.paginate(Bucket="b", PaginationConfig={"PageSize": 3})
    assert list(pages.search("Contents[?Size > `9`].Key")) == []
    assert list(pages.search("Contents[].Key")) == KEYS
    assert list(pages.search("KeyCount")) == [3, 3, 3, 1]


def test_pages_that_cannot_be(storage, paginator):
    for config in ({"Size": 3}, {"MaxItems": "many"}):
        with pytest.raises(UsageError, match="PaginationConfig"):
            paginator.paginate(Bucket="b", PaginationConfig=config)
    with pytest.raises(NotSupported, match="list_buckets"):
        storage.get_client().get_paginator("list_buckets")


def test_a_storage_that_was_closed_says_so(tmp_path):
    config = {"localhost": {"root": str(tmp_path / "objects")}}
    with gl.Storage(config) as storage:
        storage.put_object("b", "k", b"content")
        other = gl.Storage(config)
        file = storage.open("b", "k", "rb")
    for attempt in (
        lambda: storage.get_object("b", "k"),
        lambda: storage.put_object("b", "k", b""),
        lambda: storage.list_keys("b"),
        lambda: storage.open("b", "k"),
        lambda: storage.head_bucket("b"),
    ):
        with pytest.raises(StorageClosed, match="closed"):
            attempt()
    storage.close()
    assert other.get_object("b", "k") == b"content"
    assert file.read() == b"content"  # what was opened goes on, as it has its own hold
    file.close()
    other.close()


def test_connections_are_let_go_of_with_the_last_who_has_them(valkey):
    config = {"redis": {"url": valkey.endpoint}}
    one, other = gl.Storage(config, "redis"), gl.Storage(config, "redis")
    one.put_object("closed-face", "k", b"1")
    one.close()
    assert other.get_object("closed-face", "k") == b"1"
    other.delete_object("closed-face", "k")
    other.close()
    # That they are closed is what every test is held to.


def test_what_closes_all_does_not_end_any(storage):
    close_storages()
    assert storage.get_object("b", KEYS[0]) == KEYS[0].encode()
