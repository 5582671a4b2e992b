"""Maps over objects as programs for Lithops write them, and what Lithops gets wrong there."""

import pytest

import greenlithops as gl
from greenlithops.errors import NoSuchKey, UsageError

LINES = "".join(f"line {n}\n" for n in range(100)) + "the last one has no end"


@pytest.fixture
def config(tmp_path):
    return {"lithops": {"storage": "localhost"}, "localhost": {"root": str(tmp_path / "objects")}}


@pytest.fixture
def fexec(config):
    storage = gl.Storage(config=config)
    storage.create_bucket("data")
    for key in ("txt/a", "txt/b", "other"):
        storage.put_object("data", key, key + LINES)
    with gl.FunctionExecutor(config=config) as fexec:
        yield fexec


def keys(obj):
    return obj.bucket, obj.key


def read(obj):
    return obj.data_stream.read().decode()


def test_buckets_prefixes_and_keys(fexec):
    everything = [("data", "other"), ("data", "txt/a"), ("data", "txt/b")]
    assert fexec.get_result(fexec.map(keys, "data")) == everything
    assert fexec.get_result(fexec.map(keys, ["localhost://data/txt/"])) == everything[1:]
    assert fexec.get_result(fexec.map(keys, ["data/other", "data/txt/b"])) == [
        everything[0],
        everything[2],
    ]
    assert fexec.get_result(fexec.map(keys, "data/t*/b")) == everything[2:]


@pytest.mark.parametrize("how", [{"obj_chunk_size": 50}, {"obj_chunk_number": 7}])
@pytest.mark.parametrize("newline", ["\n", None, "one"])
def test_parts_are_the_object(fexec, how, newline):
    parts = fexec.get_result(fexec.map(read, "data/other", obj_newline=newline, **how))
    assert "".join(parts) == "other" + LINES
    assert len(parts) == how.get("obj_chunk_number", -(-len("other" + LINES) // 50))


def test_reducing_all_and_by_key(fexec):
    def count(obj):
        return sum(1 for _ in obj.data_stream)

    one = fexec.map_reduce(count, "data", sum, obj_chunk_size=64)
    assert fexec.get_result(one) == 303
    by_key = fexec.map_reduce(count, "data", sum, obj_chunk_size=64, obj_reduce_by_key=True)
    assert fexec.get_result(by_key) == [101, 101, 101]
    assert len(by_key) > 30


def test_dictionaries_and_more_arguments(fexec):
    def about(obj, name, id, storage):  # noqa: A002 - Lithops' name
        return obj.key, name, id, len(storage.get_object("data", obj.key))

    size = len("other" + LINES)
    elements = [{"obj": "data/other", "name": "x"}, {"obj": "data/txt/", "name": "y"}]
    expected = [("other", "x", 0, size), ("txt/a", "y", 1, size), ("txt/b", "y", 2, size)]
    assert fexec.get_result(fexec.map(about, elements)) == expected
    found = fexec.get_result(fexec.map(about, ["data/other"], extra_args=("z",)))
    assert found == [("other", "z", 0, size)]
    one = fexec.call_async(about, {"obj": "data/other", "name": "x"})
    assert one.result() == ("other", "x", 0, size)


def test_cloud_objects_local_files_and_paths(fexec, config, tmp_path):
    (tmp_path / "file").write_text("here")

    def path(obj):
        return obj.path, read(obj)

    local = str(tmp_path / "file")
    assert fexec.get_result(fexec.map(path, [local])) == [(local, "here")]
    cloudobject = gl.Storage(config=config).put_cloudobject("cloud", bucket="data")
    assert fexec.get_result(fexec.map(read, [cloudobject])) == ["cloud"]


def test_what_is_not_there_is_told(fexec):
    with pytest.raises(NoSuchKey, match="data/none/"):
        fexec.map(keys, ["data/none/"])
    with pytest.raises(UsageError, match="obj"):
        fexec.map(keys, [5])
    with pytest.raises(UsageError, match="one call"):
        fexec.call_async(keys, "data")
    assert fexec.get_result(fexec.map(keys, "data/other")) == [("data", "other")]


def test_one_byte(fexec, config):
    gl.Storage(config=config).put_object("data", "byte", "x")
    assert fexec.get_result(fexec.map(read, "data/byte", obj_chunk_size=1 << 20)) == ["x"]
    assert fexec.get_result(fexec.map(read, "data/byte", obj_chunk_number=4)) == ["x"]
