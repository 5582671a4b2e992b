"""Functions with a parameter `obj`: over storage, files and the web; on real workers."""

import asyncio
import csv
import functools
import gzip
import io
import os
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import greenlithops as gl
from greenlithops.errors import (
    BackendNotFound,
    CallCancelled,
    NoSuchBucket,
    NoSuchKey,
    ObjectChanged,
    UsageError,
)
from greenlithops.storage.async_storage import AsyncStorage
from greenlithops.storage.cloudobject import CloudObject
from support.clock import BUSY
from support.web import serve


@pytest.fixture
async def storage(tmp_path):
    async with AsyncStorage("localhost", root=tmp_path / "storage") as storage:
        await storage.create_bucket("data")
        yield storage


@pytest.fixture
async def inline(storage):
    async with gl.AsyncExecutor("inline", storage=storage, max_workers=2, energy="off") as executor:
        yield executor


@pytest.fixture
async def executor(storage):
    async with gl.AsyncExecutor(storage=storage, max_workers=2) as executor:
        yield executor


def whole(obj):
    return obj.key, obj.part, obj.read()


def names(obj):
    return obj.key


def content(obj):
    return obj.read()


async def put(storage, *keys, bucket="data"):
    for key in keys:
        await storage.put(bucket, key, key.encode())


# What sources name.


async def test_a_bucket_a_prefix_a_key_and_a_glob(storage, inline):
    await put(storage, "logs/1.gz", "logs/2.gz", "logs/new/3.gz", "logs/x.txt", "logsbook", "z")
    for source, found in [
        ("data", ["logs/1.gz", "logs/2.gz", "logs/new/3.gz", "logs/x.txt", "logsbook", "z"]),
        ("data/", ["logs/1.gz", "logs/2.gz", "logs/new/3.gz", "logs/x.txt", "logsbook", "z"]),
        ("localhost://data/logs/", ["logs/1.gz", "logs/2.gz", "logs/new/3.gz", "logs/x.txt"]),
        ("localhost://data/logs/[12]*", ["logs/1.gz", "logs/2.gz"]),
        ("data/l*k", ["logsbook"]),
        ("data/l*/", ["logs/1.gz", "logs/2.gz", "logs/new/3.gz", "logs/x.txt"]),
        ("data/z", ["z"]),
        (["data/z", "data/logs/new/"], ["z", "logs/new/3.gz"]),
        (("data/z",), ["z"]),
        (iter(["data/z"] * 3), ["z", "z", "z"]),
        (CloudObject("localhost", "data", "z"), ["z"]),
        ([await storage.head("data", "z"), {"obj": "data/z"}], ["z", "z"]),
    ]:
        assert await inline.map(names, source) == found, source


async def test_keys_that_look_like_globs_are_found(storage, inline):
    await put(storage, "what?.txt", "[a]", "*")
    assert await inline.map(content, ["data/[a]", "data/what?.txt"]) == [b"[a]", b"what?.txt"]
    assert await inline.map(names, CloudObject("localhost", "data", "*")) == ["*"]


async def test_markers_of_folders_are_left_out_and_empty_objects_are_not(storage, inline):
    await storage.put("data", "folder/", b"")
    await storage.put("data", "folder/empty", b"")
    assert await inline.map(whole, "data/folder/", obj_chunk_size=1) == [("folder/empty", 1, b"")]


async def test_what_is_ours_is_left_out_unless_it_is_asked_for(storage, inline):
    await put(storage, "a", "greenlithops.jobs/1/record", "greenlithops.tmp/x", "greenlithopsbook")
    assert await inline.map(names, "data") == ["a", "greenlithopsbook"]
    assert await inline.map(names, "data/*o*") == ["greenlithopsbook"]
    assert await inline.map(names, "data/greenlithops.tmp/") == ["greenlithops.tmp/x"]
    handle = await storage.put_cloudobject(b"mine", "data")
    assert await inline.map(content, [handle, "data/a"]) == [b"mine", b"a"]


async def test_files_folders_and_globs_of_this_machine(tmp_path, inline):
    folder = tmp_path / "files"
    (folder / "below").mkdir(parents=True)
    for name in ("b.csv", "a.csv", "c.txt", "below/d.csv"):
        (folder / name).write_text(name)
    assert await inline.map(names, str(folder)) == ["a.csv", "b.csv", "c.txt"]
    assert await inline.map(names, [folder / "c.txt"]) == ["c.txt"]
    assert await inline.map(names, f"{folder}/*.csv") == ["a.csv", "b.csv"]
    for anywhere in ("**", "**/**"):
        assert await inline.map(names, f"{folder}/{anywhere}/*.csv") == ["a.csv", "b.csv", "d.csv"]
    assert await inline.map(names, f"file://{folder}/c.txt") == ["c.txt"]

    def about(obj):
        return obj.path, obj.bucket, obj.url, obj.backend

    path = str(folder / "a.csv")
    assert await inline.map(about, path) == [(path, str(folder), None, "file")]


async def test_everything_mixed_in_one_list_with_more_arguments(storage, tmp_path, inline):
    await put(storage, "one", "two")
    (tmp_path / "file").write_text("here")

    def about(obj, more, id, extra=None):  # noqa: A002 - Lithops' name
        return obj.read(), more, id, extra

    with serve({"/page": b"web"}) as url:
        elements = [
            {"obj": "data", "more": 1},
            {"obj": f"{url}/page", "more": 2, "extra": 3},
            {"obj": tmp_path / "file", "more": 4},
        ]
        assert await inline.map(about, elements) == [
            (b"one", 1, 0, None),
            (b"two", 1, 1, None),
            (b"web", 2, 2, 3),
            (b"here", 4, 3, None),
        ]
    assert await inline.map(about, [("data/one", 5)]) == [(b"one", 5, 0, None)]
    assert await inline.map(about, ["data/"], extra_args=(6,)) == [
        (b"one", 6, 0, None),
        (b"two", 6, 1, None),
    ]
    assert await inline.map(about, [{"obj": "data/one"}], extra_args={"more": 7}) == [
        (b"one", 7, 0, None)
    ]


async def test_obj_is_found_wherever_it_stands(storage, inline):
    await put(storage, "k")

    def second(number, obj):
        return number, obj.read()

    def after_id(id, obj):  # noqa: A002 - Lithops' name
        return id, obj.read()

    def by_name(number, *, obj):
        return number, obj.read()

    def optional(number, obj=None):
        return number, obj and obj.read()

    def anything(**more):
        return sorted(more)

    assert await inline.map(second, [(1, "data/k")]) == [(1, b"k")]
    assert await inline.map(second, [1, 2], extra_args=("data/k",)) == [(1, b"k"), (2, b"k")]
    assert await inline.map(after_id, ["data/k", "data"]) == [(0, b"k"), (1, b"k")]
    assert await inline.map(by_name, [{"number": 3, "obj": "data/k"}]) == [(3, b"k")]
    assert await inline.map(optional, [4, (5, "data/k")]) == [(4, None), (5, b"k")]
    assert await inline.map(anything, [{"obj": 1}]) == [["obj"]]
    assert await inline.map(len, ["not", "about", "objects"]) == [3, 5, 7]


async def test_methods_partials_and_callables(storage, inline):
    await put(storage, "k")

    class Reader:
        def __init__(self, more):
            self.more = more

        def __call__(self, obj):
            return self.more + obj.read()

        def method(self, obj):
            return self.more * 2 + obj.read()

    def with_more(more, obj):
        return more + obj.read()

    assert await inline.map(Reader(b"1"), "data/k") == [b"1k"]
    assert await inline.map(Reader(b"1").method, "data/k") == [b"11k"]
    assert await inline.map(functools.partial(with_more, b"3"), "data/k") == [b"3k"]


@pytest.mark.parametrize("source", ["data/none", "data/none/", "data/no*", "/no/such/file"])
async def test_nothing_found_is_told_with_the_source(inline, source):
    with pytest.raises(NoSuchKey, match=source.replace("*", r"\*")):
        await inline.map(names, source)
    with pytest.raises(FileNotFoundError):
        await inline.map_reduce(names, [source], len)


async def test_what_cannot_be_a_source_is_told(storage, inline):
    await put(storage, "k")
    for wrong, error in [
        ([5], UsageError),
        ([""], UsageError),
        ("localhost://", UsageError),
        ("nowhere://bucket/key", BackendNotFound),
        ("nobucket/key", NoSuchBucket),
    ]:
        with pytest.raises(error):
            await inline.map(names, wrong)
    with pytest.raises(UsageError, match="obj_chunk_size"):
        await inline.map(len, ["x"], obj_chunk_size=3)
    with pytest.raises(UsageError, match="obj_reduce_by_key"):
        await inline.map_reduce(len, ["x"], sum, obj_reduce_by_key=True)
    with pytest.raises(UsageError, match="storage must be"):
        gl.AsyncExecutor(storage=5)


async def test_what_is_in_memory_is_for_workers_in_this_process():
    async with AsyncStorage("memory", name="here") as storage:
        await storage.create_bucket("data")
        await put(storage, "k")
        async with gl.AsyncExecutor("inline", storage=storage) as executor:
            assert await executor.map(content, "memory://data/") == [b"k"]
        async with gl.AsyncExecutor(storage=storage, max_workers=1) as executor:
            with pytest.raises(UsageError, match="memory"):
                await executor.map(content, "data")


# Parts.


@pytest.mark.parametrize("how", [{"obj_chunk_size": "10 B"}, {"obj_chunk_number": 3}])
async def test_parts_in_processes(storage, executor, how):
    text = b"".join(b"line %d\n" % n for n in range(10)) + b"without an end"
    for key in ("a", "b"):
        await storage.put("data", key, key.encode() + text)

    def about(obj):
        return obj.key, obj.part, obj.total_parts, obj.chunk_size, obj.data_byte_range, obj.read()

    found = await executor.map(about, "data", **how)
    assert [(key, part) for key, part, *_ in found] == sorted((f[0], f[1]) for f in found)
    for key in ("a", "b"):
        parts = [f for f in found if f[0] == key]
        assert [part[1] for part in parts] == list(range(1, parts[0][2] + 1))
        assert b"".join(part[-1] for part in parts) == key.encode() + text
        lines = [line for part in parts for line in part[-1].splitlines(keepends=True)]
        assert lines == (key.encode() + text).splitlines(keepends=True)
        assert sum(part[3] for part in parts) == len(text) + 1
        assert parts[-1][4][1] == len(text)


contents = st.lists(st.sampled_from([b"a", b"b", b"\r\n", b"\n", b"\n\n", b";"]), max_size=30)
separators = st.sampled_from([b"\n", b"\r\n", b"\n\n", b";", b"ab", b"aa", None])
cuts = st.one_of(
    st.builds(lambda n: {"obj_chunk_size": n}, st.integers(1, 9)),
    st.builds(lambda n: {"obj_chunk_number": n}, st.integers(1, 9)),
)
ways = st.sampled_from(["read", "pieces", "lines", "readline", "seek", "async", "chunks"])


def by(way):
    async def in_coroutine(obj):
        if way == "async":
            pieces = []
            while piece := await obj.aread(3):
                pieces.append(piece)
            return b"".join(pieces)
        return b"".join([chunk async for chunk in obj])

    def in_function(obj):
        if way == "read":
            return obj.read()
        if way == "pieces":
            return b"".join(iter(lambda: obj.read(3), b""))
        if way == "lines":
            return b"".join(obj)
        if way == "readline":
            return b"".join(iter(obj.data_stream.readline, b""))
        end = obj.seek(0, io.SEEK_END)
        obj.seek(end // 2)
        second = obj.read()
        obj.seek(0)
        return obj.read(end // 2) + second

    return in_coroutine if way in ("async", "chunks") else in_function


async def test_any_content_through_real_workers(storage, inline, executor):
    examples = []

    @settings(max_examples=60, suppress_health_check=list(HealthCheck))
    @given(contents, separators, cuts, ways)
    def collect(pieces, newline, how, way):
        examples.append((pieces, newline, how, way))

    collect()
    for number, (pieces, newline, how, way) in enumerate(examples):
        data = b"".join(pieces)
        await storage.put("data", f"{number}", data)
        workers = executor if way in ("async", "chunks") else inline
        parts = await workers.map(by(way), f"data/{number}", obj_newline=newline, **how)
        assert b"".join(parts) == data
        if newline is not None and data:
            records = data.split(newline)
            records = [record + newline for record in records[:-1]] + [records[-1]]
            found = []
            for part in parts:
                split = part.split(newline)
                found += [record + newline for record in split[:-1]]
                found += [split[-1]] if split[-1] else []
            assert found == [record for record in records if record]


async def test_compressed_and_tabular_data(storage, executor):
    await storage.put("data", "t.csv.gz", gzip.compress(b"a,b\n1,2\n3,4\n"))

    def rows(obj):
        with gzip.open(obj) as file:
            return list(csv.DictReader(io.TextIOWrapper(file)))

    assert await executor.map(rows, "data/t.csv.gz") == [
        [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]
    ]


# Reducing.


async def test_reducing_all_and_by_object(storage, executor):
    for key, lines in [("b", 3), ("a", 5), ("c", 0)]:
        await storage.put("data", key, b"x\n" * lines)

    def lines(obj):
        return obj.key, sum(1 for _ in obj)

    def merge(counts, more=0):
        return sorted({key for key, _ in counts}), sum(n for _, n in counts) + more

    sources = ["data/b", "data/a", "data/c"]
    reduction = executor.map_reduce(lines, sources, merge, obj_chunk_size=2)
    assert await reduction == (["a", "b", "c"], 8)
    reduction = executor.map_reduce(
        lines, sources, merge, obj_chunk_size=2, obj_reduce_by_key=True, extra_args_reduce=(10,)
    )
    assert await reduction == [(["b"], 13), (["a"], 15), (["c"], 10)]
    assert len(reduction.reducers) == 3
    assert reduction.reducer == reduction.reducers[0]


async def test_reduce_functions_may_call_their_parameter_obj(storage, inline):
    await put(storage, "k", "l")

    def joined(obj):
        return b"+".join(obj)

    assert await inline.map_reduce(content, "data", joined) == b"k+l"


# Coroutines, retries, other storages.


async def test_coroutines_read_side_by_side(storage, executor):
    await storage.put("data", "k", os.urandom(3 << 20))

    async def read(obj):
        size = 0
        async for chunk in obj:
            size += len(chunk)
        return size, len(await obj.aread())

    sizes = await executor.map(read, ["data/k"] * 20, obj_newline=None, obj_chunk_number=2)
    assert sum(size for size, _ in sizes) == 20 * (3 << 20)
    assert {rest for _, rest in sizes} == {0}


async def test_a_retried_call_reads_its_part_again(storage, executor, tmp_path):
    await storage.put("data", "k", b"1\n2\n")
    mark = tmp_path / "mark"

    def fails_once(obj):
        line = obj.readline()
        if line == b"2\n" and not mark.exists():
            mark.touch()
            raise OSError("once")
        return line

    job = executor.map(fails_once, "data/k", obj_chunk_size=2, retries=1)
    assert await job == [b"1\n", b"2\n"]


async def test_a_source_in_another_storage_than_the_executors(storage, tmp_path, inline):
    async with AsyncStorage("memory") as memory:
        await memory.create_bucket("other")
        await memory.put("other", "k", b"elsewhere")
        await put(storage, "k")
        assert await inline.map(content, ["memory://other/k", "data/k"]) == [b"elsewhere", b"k"]
        await memory.delete("other", "k")
        await memory.delete_bucket("other")


async def test_workers_get_another_storage_as_it_was_made():
    """Also where it is found out only when the function has been sent that it is needed."""

    def make(name):
        return AsyncStorage(name, name="special") if name else AsyncStorage("localhost")

    async with AsyncStorage("memory", name="special") as memory:
        await memory.create_bucket("other")
        await memory.put("other", "k", b"elsewhere")
        async with gl.AsyncExecutor("inline", storage=make, energy="off") as executor:
            assert await executor.map(content, ["memory://other/k"] * 2) == [b"elsewhere"] * 2
        await memory.delete("other", "k")
        await memory.delete_bucket("other")


async def test_objects_of_a_storage_that_has_no_files(inline):
    """Over the loop that storages are read on in workers; see `traffic`."""
    data = os.urandom(9 << 20)
    async with AsyncStorage("memory") as memory:
        await memory.create_bucket("large")
        await memory.put("large", "k", data)
        parts = await inline.map(
            content, "memory://large/k", obj_chunk_size="4 MiB", obj_newline=None
        )
        assert b"".join(parts) == data
        assert (
            b"".join(await inline.map(by("lines"), "memory://large/", obj_chunk_number=3)) == data
        )
        await memory.delete("large", "k")
        await memory.delete_bucket("large")


async def test_a_storage_for_the_function(storage, executor):
    await put(storage, "k")

    def copy(obj, storage):
        storage.put_object("data", f"{obj.key}-copy", obj.read() * 2)
        return storage.get_object("data", "k-copy")

    assert await executor.map(copy, "data/k") == [b"kk"]

    def keys(storage, prefix):
        return storage.list_keys("data", prefix)

    def reduce(found, storage):
        return found, len(storage.list_keys("data"))

    assert await executor.map(keys, ["", "k-"]) == [["k", "k-copy"], ["k-copy"]]
    assert await executor.map_reduce(keys, ["k-"], reduce) == ([["k-copy"]], 2)


# An object that changes.


async def test_an_object_that_was_changed_is_not_mixed(storage, executor, tmp_path):
    await storage.put("data", "k", b"1\n2\n3\n")
    started, changed = tmp_path / "started", tmp_path / "changed"

    def wait_and_read(obj):
        started.touch()
        while not changed.exists():
            time.sleep(0.01)
        return obj.read()

    job = executor.map(wait_and_read, "data/k")
    while not started.exists():  # noqa: ASYNC110 - another process makes it
        await asyncio.sleep(0.01)
    await storage.put("data", "k", b"4\n5\n6\n")
    changed.touch()
    with pytest.raises(ObjectChanged, match="changed"):
        await job


async def test_an_object_of_another_storage_that_was_changed(inline):
    async with AsyncStorage("memory") as memory:
        await memory.create_bucket("changing")
        await memory.put("changing", "k", b"1\n2\n")
        before = await memory.head("changing", "k")
        await memory.put("changing", "k", b"1\n3\n")
        async with gl.AsyncExecutor("inline", storage=memory) as executor:
            with pytest.raises(ObjectChanged, match="k was changed"):
                await executor.map(content, [before])
            await memory.delete("changing", "k")
            with pytest.raises(NoSuchKey):
                await executor.map(content, [before])
        await memory.delete_bucket("changing")


async def test_a_file_that_was_changed(tmp_path, inline):
    path = tmp_path / "file"
    path.write_text("one\n" * 1000)

    def change_and_read(obj):
        obj.read(1)
        path.write_text("two\n" * 1000)
        obj.seek(0)
        return [obj.read1(), obj.read()]

    with pytest.raises(ObjectChanged):
        await inline.map(change_and_read, str(path), obj_chunk_size=100)


# Many.


async def test_calls_run_before_everything_has_been_listed(inline):
    """A source that gives objects for ever: what is taken is what is wanted."""
    taken = 0

    async def sources():
        nonlocal taken
        while True:
            taken += 1
            yield "memory://endless/k"

    async with AsyncStorage("memory") as memory:
        await memory.create_bucket("endless")
        await memory.put("endless", "k", b"x")
        job = inline.map(content, sources(), buffer=50)
        got = []
        async for value in job:
            got.append(value)
            if len(got) == 100:
                break
        job.cancel()
        assert got == [b"x"] * 100
        assert taken < 1_500
        await memory.delete("endless", "k")
        await memory.delete_bucket("endless")


async def test_many_sources_keep_their_order(inline):
    async with AsyncStorage("memory") as memory:
        await memory.create_bucket("many")
        for number in range(150):
            await memory.put("many", f"{number // 10:02d}/{number % 10}", str(number).encode())
        sources = [f"memory://many/{number:02d}/" for number in reversed(range(15))]
        sources += [f"memory://many/{n // 10:02d}/{n % 10}" for n in range(150)]
        found = [int(value) for value in await inline.map(content, sources)]
        first = [number * 10 + n for number in reversed(range(15)) for n in range(10)]
        assert found == first + list(range(150))
        await memory.delete_many("many", [info.key async for info in memory.list("many")])
        await memory.delete_bucket("many")


@pytest.mark.parametrize("function", [content, repr])
async def test_an_input_that_waits_for_what_is_cancelled_ends(storage, inline, function):
    await put(storage, "k")

    async def sources():
        yield "data/k"
        waiting = asyncio.create_task(asyncio.sleep(3600))
        asyncio.get_running_loop().call_soon(waiting.cancel)
        await waiting

    with pytest.raises(CallCancelled, match="input"):
        async with asyncio.timeout(BUSY):
            await inline.map(function, sources())


async def test_leaving_early_stops_looking(storage, inline):
    await put(storage, "k")

    async def slow():
        yield "data/k"
        await asyncio.sleep(3600)

    job = inline.map(content, slow())
    assert await anext(aiter(job)) == b"k"
    job.cancel()
