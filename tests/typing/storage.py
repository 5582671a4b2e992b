"""The types of the blocking faces of storage, as a user's type checker sees them."""

from collections.abc import Iterator
from typing import IO, Any, assert_type

import greenlithops as gl
from greenlithops.objects import ObjectInfo
from greenlithops.storage_os import CloudFileProxy, CloudStorage


def blocking() -> None:
    storage = gl.Storage()
    assert_type(storage.bucket, str | None)
    assert_type(storage.upload_file("a", "b"), bool)
    assert_type(storage.list_keys("b"), list[str])
    assert_type(storage.head_object("b", "k"), dict[str, str])
    assert_type(storage.head("b", "k"), ObjectInfo)
    assert_type(storage.put_cloudobject(b""), gl.CloudObject)
    assert_type(storage.stream("b", "k"), Iterator[bytes])
    assert_type(storage.open("b", "k"), IO[Any])
    assert_type(storage.ask(lambda inner: inner.exists("b", "k")), bool)


def files() -> None:
    cloud = CloudFileProxy(CloudStorage())
    assert_type(cloud.open("k"), IO[Any])
    assert_type(cloud.listdir(), list[str])
    assert_type(list(cloud.walk("")), list[tuple[str, list[str], list[str]]])
    assert_type(cloud.path.getsize("k"), int)
