"""Storage has Lithops' methods, results and quirks, and does what AsyncStorage does."""

import asyncio
import datetime as dt
import inspect
import io
import os
import pickle
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

import greenlithops as gl
from greenlithops.errors import (
    BackendNotFound,
    ConfigurationError,
    ForkedError,
    InvalidRange,
    NoSuchBucket,
    NoSuchKey,
    PreconditionFailed,
    StorageError,
    UsageError,
)
from greenlithops.storage.cloudobject import CloudObject, CloudObjectLocal, CloudObjectUrl
from greenlithops.sync import storage_host
from greenlithops.sync.storage_config import storage_settings
from greenlithops.sync.storage_errors import (
    StorageConfigMismatchError,
    StorageNoSuchKeyError,
)
from support.clock import BUSY


@pytest.fixture
def storage(tmp_path):
    return gl.Storage({"localhost": {"root": str(tmp_path / "objects")}})


@pytest.fixture
def memory(request):
    return gl.Storage({"memory": {"name": request.node.name}}, "memory")


def test_objects_come_back_as_they_were_put(storage):
    bodies = [b"bytes", "text, ü", bytearray(b"array"), io.BytesIO(b"file"), io.StringIO("ä")]
    wanted = [b"bytes", "text, ü".encode(), b"array", b"file", "ä".encode()]
    for number, body in enumerate(bodies):
        assert storage.put_object("b", f"k{number}", body) is None
    assert [storage.get_object("b", f"k{number}") for number in range(5)] == wanted
    assert storage.list_keys("b") == [f"k{number}" for number in range(5)]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("bytes=1-4", b"1234"),
        ("bytes=0-0", b"0"),
        ("bytes=7-", b"789"),
        ("bytes=-3", b"789"),
        ("bytes=-99", b"0123456789"),
        ("bytes=8-99", b"89"),
        ("bytes = 2 - 3", b"23"),
    ],
)
def test_ranges_are_inclusive(memory, text, wanted):
    memory.put_object("b", "k", b"0123456789")
    extra = {"Range": text}
    assert memory.get_object("b", "k", extra_get_args=extra) == wanted
    stream = memory.get_object("b", "k", stream=True, extra_get_args=extra)
    assert stream.read() == wanted
    assert extra == {"Range": text}


@pytest.mark.parametrize("text", ["bytes=5-2", "bytes=-", "5-6", "lines=1-2", "bytes=1-2,4-5"])
def test_what_is_no_range_is_an_error(memory, text):
    memory.put_object("b", "k", b"0123456789")
    with pytest.raises(UsageError, match="range"):
        memory.get_object("b", "k", extra_get_args={"Range": text})


def test_a_range_outside_of_the_object_is_an_error(memory):
    memory.put_object("b", "k", b"0123")
    for stream in (False, True):
        with pytest.raises(InvalidRange):
            memory.get_object("b", "k", stream, {"Range": "bytes=4-9"})


def test_a_version_can_be_asked_for(memory):
    memory.put_object("b", "k", b"one")
    etag = memory.head_object("b", "k")["etag"]
    assert etag == memory.list_objects("b")[0]["ETag"]
    assert memory.get_object("b", "k", extra_get_args={"IfMatch": etag}) == b"one"
    memory.put_object("b", "k", b"two")
    for stream in (False, True):
        with pytest.raises(PreconditionFailed):
            memory.get_object("b", "k", stream, {"IfMatch": etag})


def test_unknown_arguments_are_not_ignored(memory, tmp_path):
    with pytest.raises(UsageError, match="VersionId"):
        memory.get_object("b", "k", extra_get_args={"VersionId": "7"})
    with pytest.raises(UsageError, match="ACL"):
        memory.upload_file(tmp_path / "f", "b", extra_args={"ACL": "public-read"})
    with pytest.raises(UsageError, match="RequestPayer"):
        memory.download_file("b", "k", tmp_path / "f", extra_args={"RequestPayer": "me"})


def test_a_stream_is_a_file(memory):
    content = b"".join(b"line %d\n" % number for number in range(200_000))
    memory.put_object("b", "k", content)
    with memory.get_object("b", "k", stream=True) as stream:
        assert stream.readline() == b"line 0\n"
        assert stream.seek(-14, io.SEEK_END) == len(content) - 14
        assert stream.read() == content[-14:]
        assert stream.tell() == len(content)
        assert stream.read() == b""
        assert stream.seek(0) == 0
        assert list(stream) == content.splitlines(keepends=True)
        stream.seek(0)
        assert b"".join(stream.iter_chunks(100_000)) == content
        stream.seek(0)
        assert list(stream.iter_lines()) == content.splitlines()
    with pytest.raises(ValueError, match="closed"):
        stream.read()
    with memory.get_object("b", "k", True, {"Range": "bytes=7-13"}) as part:
        part.seek(2)
        assert part.read() == b"ne 1\n"
        assert part.seek(0, io.SEEK_END) == 7
        with pytest.raises(OSError, match="Invalid argument"):
            part.seek(-1)


def test_a_stream_of_an_object_that_changes_does_not_mix_versions(memory):
    memory.put_object("b", "k", b"a" * 2_000_000)
    stream = memory.get_object("b", "k", stream=True)
    assert stream.read(10) == b"a" * 10
    memory.put_object("b", "k", b"b" * 2_000_000)
    with pytest.raises(PreconditionFailed):
        stream.read()
    stream.close()


def test_missing_objects_have_lithops_error_of_our_tree(memory):
    memory.create_bucket("b")
    asked = [
        lambda: memory.get_object("b", "nothing"),
        lambda: memory.get_object("b", "nothing", stream=True),
        lambda: memory.head_object("b", "nothing"),
        lambda: memory.copy("b", "nothing", "else"),
        lambda: memory.open("b", "nothing"),
        lambda: next(memory.stream("b", "nothing")),
    ]
    for ask in asked:
        with pytest.raises(StorageNoSuchKeyError, match="'nothing' in 'b'") as caught:
            ask()
        assert isinstance(caught.value, (NoSuchKey, FileNotFoundError))
    back = pickle.loads(pickle.dumps(caught.value))
    assert (type(back), str(back), back.bucket, back.key) == (
        StorageNoSuchKeyError,
        "there is no object 'nothing' in 'b'",
        "b",
        "nothing",
    )


def test_missing_buckets_have_it_too(memory):
    for ask in (memory.head_bucket, lambda bucket: memory.get_object(bucket, "k")):
        with pytest.raises(StorageNoSuchKeyError, match="no bucket 'none'") as caught:
            ask("none")
        assert isinstance(caught.value, NoSuchBucket)
        back = pickle.loads(pickle.dumps(caught.value))
        assert (str(back), back.bucket) == (str(caught.value), "none")
    memory.makes_buckets = False  # as it is with a service
    for ask in (
        memory.list_keys,
        memory.list_objects,
        lambda bucket: memory.delete_object(bucket, "k"),
    ):
        with pytest.raises(NoSuchBucket):
            ask("none")


def test_where_buckets_make_themselves_missing_ones_are_empty(memory):
    assert memory.list_keys("none") == memory.list_objects("none", match_pattern="*") == []
    memory.delete_object("none", "k")


def test_a_mismatch_has_lithops_constructor():
    error = StorageConfigMismatchError(["aws_s3", "now"], ["minio", "then"])
    assert isinstance(error, ConfigurationError)
    back = pickle.loads(pickle.dumps(error))
    assert str(back) == str(error)
    assert "minio" in str(back)
    assert "now" in str(back)


def test_heads_are_http_headers(memory):
    memory.put_object("b", "k", b"123456789")
    head = memory.head_object("b", "k")
    assert head["content-length"] == "9"
    assert head["content-type"] == "application/octet-stream"
    assert head["last-modified"].endswith(" GMT")
    assert memory.head_bucket("b")["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_listings_are_plain_prefixes(memory):
    keys = ["foo/baz", "foo/bar/baz", "foo_bar/baz", "foo_baz", "bar", "bar_baz"]
    for key in keys:
        memory.put_object("b", key, key)
    assert memory.list_keys("b") == sorted(keys)
    assert memory.list_keys("b", "foo") == sorted(k for k in keys if k.startswith("foo"))
    assert memory.list_keys("b", "foo/") == ["foo/bar/baz", "foo/baz"]
    assert memory.list_keys("b", prefix="none") == []
    objects = memory.list_objects("b", "foo/")
    assert [entry["Key"] for entry in objects] == ["foo/bar/baz", "foo/baz"]
    assert all(entry["Size"] == len(entry["Key"]) for entry in objects)
    assert all(entry["LastModified"].tzinfo is dt.UTC for entry in objects)


@pytest.mark.parametrize(
    ("glob", "wanted"),
    [
        ("*", ["top.txt"]),
        ("*/*.txt", ["a/1.txt", "b/2.txt"]),
        ("a/**", ["a/1.txt", "a/deep/er/3.txt"]),
        ("**/*.txt", ["a/1.txt", "a/deep/er/3.txt", "b/2.txt", "top.txt"]),
        ("a/**/3.txt", ["a/deep/er/3.txt"]),
        ("?/1.txt", ["a/1.txt"]),
        ("**", ["a/1.txt", "a/deep/er/3.txt", "b/2.txt", "c/x*y", "top.txt"]),
        (r"c/x\*y", ["c/x*y"]),
        ("none*", []),
    ],
)
def test_globs_stay_within_folders(memory, glob, wanted):
    for key in ["a/1.txt", "a/deep/er/3.txt", "b/2.txt", "top.txt", "c/x*y"]:
        memory.put_object("b", key, "")
    assert [entry["Key"] for entry in memory.list_objects("b", match_pattern=glob)] == wanted


def test_a_glob_with_a_prefix_and_a_wrong_one(memory):
    memory.put_object("b", "a/1.txt", "")
    memory.put_object("b", "b/1.txt", "")
    assert [e["Key"] for e in memory.list_objects("b", "b/", "*/*.txt")] == ["b/1.txt"]
    with pytest.raises(UsageError, match="alone"):
        memory.list_objects("b", match_pattern="a**/x")


def test_deleting(memory):
    for number in range(5):
        memory.put_object("b", f"k{number}", "")
    memory.delete_object("b", "k0")
    memory.delete_object("b", "never there")
    memory.delete_objects("b", ["k1", "k2", "never there"])
    assert memory.list_keys("b") == ["k3", "k4"]


def test_files_go_up_and_down(storage, tmp_path, caplog):
    source = tmp_path / "source.bin"
    source.write_bytes(os.urandom(3_000_000))
    extra = {"ContentType": "image/x", "Metadata": {"a": "b"}}
    assert storage.upload_file(str(source), "b", extra_args=extra) is True
    head = storage.head_object("b", "source.bin")
    assert (head["content-type"], head["x-amz-meta-a"]) == ("image/x", "b")
    assert storage.download_file("b", "source.bin", tmp_path / "new" / "er" / "copy") is True
    assert (tmp_path / "new" / "er" / "copy").read_bytes() == source.read_bytes()
    assert caplog.text == ""
    assert storage.upload_file(str(tmp_path / "none"), "b", "k") is False
    assert storage.download_file("b", "none", str(tmp_path / "none")) is False
    assert "none" in caplog.text
    assert not (tmp_path / "none").exists()


def test_a_file_is_named_after_its_key(storage, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    storage.put_object("b", "folder/name", b"content")
    assert storage.download_file("b", "folder/name") is True
    assert (tmp_path / "folder" / "name").read_bytes() == b"content"


def test_cloud_objects(memory):
    made = memory.put_cloudobject(b"one")
    other = memory.put_cloudobject("two", "else", "key")
    assert isinstance(made, CloudObject)
    assert made.bucket == memory.bucket == "storage"
    assert str(other) == "<CloudObject at memory://else/key>"
    assert repr(other) == "CloudObject(backend='memory', bucket='else', key='key')"
    assert pickle.loads(pickle.dumps(made)) == made
    assert memory.get_cloudobject(made) == b"one"
    assert memory.get_cloudobject(other, stream=True).read() == b"two"
    memory.delete_cloudobjects(iter([made, other]))
    assert memory.list_keys("else") == memory.list_keys("storage") == []


def test_cloud_objects_of_others_are_refused_before_any_is_deleted(memory):
    made = memory.put_cloudobject(b"one")
    foreign = CloudObject("aws_s3", made.bucket, made.key)
    for ask in (memory.get_cloudobject, memory.delete_cloudobject):
        with pytest.raises(StorageError, match="aws_s3"):
            ask(foreign)
    with pytest.raises(StorageError, match="aws_s3"):
        memory.delete_cloudobjects([made, foreign])
    assert memory.get_cloudobject(made) == b"one"


def test_other_handles_have_lithops_texts():
    assert str(CloudObjectUrl("http://x/y")) == "<CloudObject at http://x/y>"
    local = CloudObjectLocal("/data/set/file.csv")
    assert str(local) == "<CloudObject at /data/set/file.csv>"
    assert (local.bucket, local.key) == ("/data/set", "file.csv")
    assert pickle.loads(pickle.dumps(local)) == local


def test_names_of_the_asynchronous_face(memory):
    memory.put_object("b", "k", b"x" * 3_000_000)
    assert memory.exists("b", "k")
    assert not memory.exists("b", "none")
    assert memory.head("b", "k").size == 3_000_000
    assert memory.copy("b", "k", "k2", to_bucket="c").key == "k2"
    assert b"".join(memory.stream("c", "k2", 5)) == b"x" * 2_999_995
    with pytest.raises(NotImplementedError):
        memory.presigned_url("b", "k")


@pytest.mark.parametrize("name", ["head", "exists", "copy", "presigned_url", "stream"])
def test_they_take_the_same(name):
    own = inspect.signature(getattr(gl.Storage, name)).parameters
    twin = inspect.signature(getattr(gl.AsyncStorage, name)).parameters
    shared = {n: (p.default, p.kind) for n, p in own.items()}
    assert shared.items() <= {n: (p.default, p.kind) for n, p in twin.items()}.items()
    assert set(twin) - set(own) <= {"if_match"}


LITHOPS = {
    "get_client": "",
    "get_storage_config": "",
    "create_bucket": "bucket",
    "put_object": "bucket key body",
    "get_object": "bucket key stream extra_get_args",
    "upload_file": "file_name bucket key extra_args config",
    "download_file": "bucket key file_name extra_args config",
    "head_object": "bucket key",
    "head_bucket": "bucket",
    "delete_object": "bucket key",
    "delete_objects": "bucket key_list",
    "list_objects": "bucket prefix match_pattern",
    "list_keys": "bucket prefix",
    "put_cloudobject": "body bucket key",
    "get_cloudobject": "cloudobject stream",
    "delete_cloudobject": "cloudobject",
    "delete_cloudobjects": "cloudobjects",
}


@pytest.mark.parametrize("name", LITHOPS)
def test_methods_take_what_lithops_take(name):
    method = getattr(gl.Storage, name)
    assert list(inspect.signature(method).parameters) == ["self", *LITHOPS[name].split()]


def test_the_configuration_is_lithops(tmp_path):
    section = {"root": str(tmp_path), "runtime": "python3", "worker_processes": 2}
    storage = gl.Storage({"lithops": {"storage": "localhost"}, "localhost": section})
    assert storage.backend == "localhost"
    assert storage.bucket == "storage"
    assert storage.config["backend"] == "localhost"
    assert storage.get_storage_config() is storage.config
    assert storage.storage_handler is storage
    again = gl.Storage(storage_config=storage.config)
    storage.put_object("b", "k", b"shared")
    assert again.get_object("b", "k") == b"shared"
    assert repr(storage) == "<Storage localhost bucket='storage'>"


def test_cloud_sections_are_merged_below_the_storages():
    config = {
        "lithops": {"storage": "aws_s3"},
        "aws": {"region": "eu-west-1", "access_key_id": "id", "account_id": "only for functions"},
        "aws_s3": {"storage_bucket": "mine", "region": "eu-west-2", "endpoint": None},
    }
    found = storage_settings(config, None, None)
    assert (found.backend, found.bucket) == ("aws_s3", "mine")
    assert found.options == {"region": "eu-west-2", "access_key_id": "id"}
    assert "id" not in repr(found).replace("aws_s3", "")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"config": ["no"]}, ConfigurationError),
        ({"config": {"lithops": "no"}}, ConfigurationError),
        ({"config": {"lithops": {"storage": 3}}}, ConfigurationError),
        ({"storage_config": {"localhost": {}}}, ConfigurationError),
        ({"backend": "localhots"}, BackendNotFound),
        ({"config": {"memory": {"nam": "x"}}, "backend": "memory"}, UsageError),
    ],
)
def test_what_is_no_configuration_is_an_error(arguments, error):
    with pytest.raises(error):
        gl.Storage(**arguments)


def test_the_client_has_boto3s_names(memory, tmp_path):
    client = memory.get_client()
    client.create_bucket(Bucket="b")
    client.put_object(Bucket="b", Key="d/1", Body=b"0123", ContentType="x/y", Metadata={"m": "n"})
    client.put_object(Bucket="b", Key="d/2", Body="four")
    client.put_object(Bucket="b", Key="e", Body=b"")
    got = client.get_object(Bucket="b", Key="d/1", Range="bytes=1-2")
    assert (got["Body"].read(), got["ContentLength"]) == (b"12", 2)
    head = client.head_object(Bucket="b", Key="d/1")
    assert (head["ContentLength"], head["ContentType"], head["Metadata"]) == (4, "x/y", {"m": "n"})
    client.copy_object(Bucket="b", Key="f", CopySource="b/d/1")
    client.copy_object(Bucket="b", Key="g", CopySource={"Bucket": "b", "Key": "d/2"})
    pages = list(client.get_paginator("list_objects_v2").paginate(Bucket="b", MaxKeys=2))
    assert [[e["Key"] for e in page["Contents"]] for page in pages] == [
        ["d/1", "d/2"],
        ["e", "f"],
        ["g"],
    ]
    rolled = client.list_objects_v2(Bucket="b", Delimiter="/", MaxKeys=1)
    assert rolled["CommonPrefixes"] == [{"Prefix": "d/"}]
    token = rolled["NextContinuationToken"]
    rest = client.list_objects_v2(Bucket="b", Delimiter="/", ContinuationToken=token)
    assert [e["Key"] for e in rest["Contents"]] == ["e", "f", "g"]
    marked = client.list_objects(Bucket="b", MaxKeys=4)
    assert client.list_objects(Bucket="b", Marker=marked["NextMarker"])["KeyCount"] == 1
    assert "Contents" not in client.list_objects_v2(Bucket="b", Prefix="none")
    client.delete_objects(Bucket="b", Delete={"Objects": [{"Key": "e"}, {"Key": "f"}]})
    client.delete_object(Bucket="b", Key="g")
    assert memory.list_keys("b") == ["d/1", "d/2"]
    client.download_file("b", "d/1", str(tmp_path / "1"))
    client.upload_file(str(tmp_path / "1"), "b", "h", ExtraArgs={"ContentType": "z/z"})
    taken = io.BytesIO()
    client.download_fileobj("b", "h", taken)
    assert taken.getvalue() == b"0123"
    client.upload_fileobj(io.BytesIO(b"obj"), "b", "i")
    assert memory.get_object("b", "i") == b"obj"
    with pytest.raises(client.exceptions.NoSuchKey):
        client.get_object(Bucket="b", Key="none")
    with pytest.raises(UsageError, match="SSE"):
        client.put_object(Bucket="b", Key="k", Body=b"", SSECustomerKey="x")


def test_many_threads_use_one_storage(memory):
    def go(number):
        memory.put_object("b", f"k{number}", b"%d" % number)
        return memory.get_object("b", f"k{number}")

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(go, range(300))) == [b"%d" % number for number in range(300)]
    assert len(memory.list_keys("b")) == 300


def test_it_travels_and_is_shared(memory):
    memory.put_object("b", "k", b"here")
    back = pickle.loads(pickle.dumps(memory))
    assert back.get_object("b", "k") == b"here"
    assert (back.bucket, back.backend, back.config) == (
        memory.bucket,
        memory.backend,
        memory.config,
    )
    assert back._host is memory._host


def test_storages_that_are_gone_are_closed(tmp_path):
    storage_host._recent.clear()
    before = set(storage_host._hosts)
    residents = len(storage_host.background()._residents)
    for number in range(20):
        storage = gl.Storage({"localhost": {"root": str(tmp_path / str(number))}})
        storage.put_object("b", "k", b"")
    del storage
    deadline = time.monotonic() + BUSY
    while len(storage_host.background()._residents) > residents + storage_host.KEPT:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert len(set(storage_host._hosts) - before) == storage_host.KEPT
    again = gl.Storage({"localhost": {"root": str(tmp_path / "19")}})
    assert again._host in storage_host._recent


def test_the_other_face_of_an_asynchronous_storage(tmp_path):
    asynchronous = gl.AsyncStorage(
        "localhost", root=str(tmp_path), bucket="mine", concurrency=3, part_bytes="1 MiB"
    )
    storage = gl.Storage.like(asynchronous)
    storage.put_object("mine", "k", b"x" * 3_000_000)
    assert storage.bucket == "mine"
    assert pickle.loads(pickle.dumps(storage)).head("mine", "k").size == 3_000_000

    async def read():
        async with asynchronous:
            return await asynchronous.get("mine", "k", -4)

    assert asyncio.run(read()) == b"xxxx"


def test_a_forked_process_is_told(memory):
    memory.put_object("b", "k", b"here")
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            memory.get_object("b", "k")
        except ForkedError:
            fresh = gl.Storage(storage_config=memory.config)
            answer = b"refused" + fresh.get_object("b", "k")
        else:
            answer = b"taken"
        os.write(writing, answer)
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 100) == b"refusedhere"
    os.close(reading)
    os.waitpid(pid, 0)


def test_an_interrupted_call_is_cancelled(memory):
    started = threading.Event()

    async def hang(_):
        started.set()
        await asyncio.sleep(60)

    def interrupt():
        started.wait(BUSY)
        os.kill(os.getpid(), 2)

    thread = threading.Thread(target=interrupt)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        memory.ask(hang)
    thread.join()
