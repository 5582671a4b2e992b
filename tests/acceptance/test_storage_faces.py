"""The blocking faces of storage over a real S3, and in the workers of calls."""

import json
import os
import pickle
import secrets
import subprocess
import sys
import urllib.request

import fsspec
import fsspec.asyn
import pytest

import greenlithops as gl
from greenlithops.errors import AccessDenied, NoSuchKey, PreconditionFailed
from greenlithops.storage_os import CloudFileProxy, CloudStorage
from greenlithops.sync.loop import background
from greenlithops.sync.storage_errors import StorageNoSuchKeyError
from greenlithops.sync.storage_host import close_storages
from support import scripts

background().call(lambda: None)
fsspec.asyn.get_loop()


@pytest.fixture(autouse=True)
def closed():
    """Storages keep connections for the next who asks; a test shall not."""
    yield
    close_storages()


@pytest.fixture
def section(seaweedfs):
    """What Lithops' configuration says of a server of one's own."""
    return {
        "endpoint": seaweedfs.endpoint,
        "access_key_id": seaweedfs.user,
        "secret_access_key": seaweedfs.secret,
        "storage_bucket": f"faces-{secrets.token_hex(4)}",
    }


@pytest.fixture
def storage(section):
    storage = CloudStorage({"lithops": {"storage": "minio"}, "minio": section})
    storage.create_bucket(storage.bucket)
    return storage


def test_objects_streams_ranges_and_handles(storage):
    bucket, content = storage.bucket, os.urandom(20 << 20)
    storage.put_object(bucket, "d/big", content)
    assert storage.get_object(bucket, "d/big") == content
    stream = storage.get_object(bucket, "d/big", stream=True)
    assert b"".join(stream.iter_chunks(100_000)) == content
    stream.close()
    assert (
        storage.get_object(bucket, "d/big", extra_get_args={"Range": "bytes=5-9"}) == content[5:10]
    )
    assert storage.head_object(bucket, "d/big")["content-length"] == str(len(content))
    assert storage.list_objects(bucket, "d/")[0]["Size"] == len(content)
    made = storage.put_cloudobject(b"handle")
    assert str(made).startswith(f"<CloudObject at minio://{bucket}/")
    assert pickle.loads(pickle.dumps(storage)).get_cloudobject(made) == b"handle"
    storage.delete_cloudobjects([made])
    with pytest.raises(StorageNoSuchKeyError):
        storage.get_cloudobject(made)
    with urllib.request.urlopen(storage.presigned_url(bucket, "d/big")) as answer:
        assert answer.read() == content
    storage.copy(bucket, "d/big", "d/copy")
    storage.delete_objects(bucket, ["d/big", "d/none"])
    assert storage.list_keys(bucket) == ["d/copy"]


def test_missing_buckets_and_wrong_secrets(storage, section):
    with pytest.raises(StorageNoSuchKeyError):
        storage.head_bucket("there-is-none")
    with pytest.raises(StorageNoSuchKeyError):
        storage.list_keys("there-is-none")
    wrong = gl.Storage({"minio": {**section, "secret_access_key": "wrong"}}, "minio")
    with pytest.raises(AccessDenied) as caught:
        wrong.list_keys(storage.bucket)
    assert section["secret_access_key"] not in str(caught.value) + repr(wrong)


def test_files_are_appended_to_edited_and_walked(storage):
    cloud = CloudFileProxy(storage)
    with cloud.open("logs/a.txt", "w") as file:
        file.write("one\n")
    with cloud.open("logs/a.txt", "a") as file:
        file.write("two\n" * 3_000_000)
    with cloud.open("logs/a.txt", "r+") as file:
        file.write("ONE\n")
    with cloud.open("logs/a.txt") as file:
        assert next(file) == "ONE\n"
        assert sum(1 for _ in file) == 3_000_000
    with pytest.raises(FileExistsError):
        cloud.open("logs/a.txt", "x")
    late = cloud.open("logs/a.txt", "a")
    late.write("late")
    storage.put_data("logs/a.txt", "changed")
    with pytest.raises(PreconditionFailed):
        late.close()
    cloud.rename("logs", "kept")
    assert not cloud.path.exists("logs")
    assert list(cloud.walk("kept")) == [("kept", [], ["a.txt"])]


def test_fsspec(section, storage):
    options = {name: value for name, value in section.items() if name != "storage_bucket"}
    fs = fsspec.filesystem("greenlithops", backend="minio", **options)
    top = f"greenlithops://{storage.bucket}/tree"
    fs.pipe({f"{top}/{number:03}": b"%d" % number for number in range(50)})
    with fs.open(f"{top}/streamed", "wb") as file:
        for _ in range(20):
            file.write(os.urandom(1 << 20))
    assert fs.du(top) == (20 << 20) + 90
    assert fs.cat_ranges([f"{top}/streamed"] * 3, [0, 10, -5], [5, 20, None])[1]
    fs.rm(top, recursive=True)
    assert not fs.exists(top)


def count(path, storage):
    """Count the lines of an object, in a worker."""
    with storage.open(storage.bucket, path) as file:
        lines = sum(1 for _ in file)
    storage.put_object(storage.bucket, f"counted/{path}", str(lines))
    return storage.put_cloudobject(f"{lines} lines")


def test_functions_get_a_storage(section, storage):
    for number in range(8):
        storage.put_data(f"{number}.txt", "line\n" * number)
    config = {"lithops": {"storage": "minio"}, "minio": section}
    with gl.FunctionExecutor(config=config, max_workers=2, energy="off") as fexec:
        handles = fexec.get_result(fexec.map(count, [f"{number}.txt" for number in range(8)]))
    assert [storage.get_cloudobject(each) for each in handles] == [
        b"%d lines" % number for number in range(8)
    ]
    assert len(storage.list_keys(storage.bucket, "counted/")) == 8


async def length(path, storage):
    """Return how long an object is, in a worker's event loop."""
    data = await storage.get(storage.bucket, path)
    return len(data)


def test_coroutine_functions_await_it(section, storage):
    for number in range(20):
        storage.put_data(f"{number}.txt", "x" * number)
    config = {"lithops": {"storage": "minio"}, "minio": section}
    with gl.FunctionExecutor(config=config, max_workers=1, energy="off") as fexec:
        names = [f"{number}.txt" for number in range(20)]
        assert fexec.get_result(fexec.map(length, names)) == list(range(20))
        missing = fexec.call_async(length, "none")
        with pytest.raises(NoSuchKey, match="none"):
            missing.result()


def test_a_program_with_files_becomes_one_with_objects(section, storage, tmp_path):
    program = """
import csv
from greenlithops.storage_os import open, os
with open("data/numbers.csv", "w", newline="") as file:
    csv.writer(file).writerows([[number, number**2] for number in range(1000)])
for path, _, names in os.walk("data"):
    for name in names:
        with open(os.path.join(path, name), newline="") as file:
            print(name, sum(int(row[1]) for row in csv.reader(file)))
"""
    config = {"lithops": {"storage": "minio"}, "minio": section}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program],
        env={**os.environ, "LITHOPS_CONFIG": json.dumps(config)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=scripts.LIMIT,
        check=False,
    )
    assert (done.stdout, done.stderr) == ("numbers.csv 332833500\n", "")
