"""The fsspec file system passes fsspec's own tests, and does what is special about objects."""

import asyncio
import io
import pickle

import fsspec
import fsspec.asyn
import pytest
from fsspec.tests import abstract

from greenlithops.errors import NotSupported, PreconditionFailed, UsageError
from greenlithops.filesystem import GreenlithopsFileSystem
from greenlithops.sync.loop import background
from support.clock import soon

background().call(lambda: None)
fsspec.asyn.get_loop()


class Fixtures(abstract.AbstractFixtures):
    @pytest.fixture
    def fs(self, tmp_path_factory):
        root = tmp_path_factory.mktemp("objects")
        return GreenlithopsFileSystem("localhost", root=str(root), skip_instance_cache=True)

    @pytest.fixture
    def fs_path(self):
        return "bucket/below"

    @pytest.fixture
    def fs_join(self):
        return lambda *parts: "/".join(parts)

    @pytest.fixture
    def supports_empty_directories(self):
        return False


class TestCopy(abstract.AbstractCopyTests, Fixtures):
    pass


class TestGet(abstract.AbstractGetTests, Fixtures):
    pass


class TestPut(abstract.AbstractPutTests, Fixtures):
    pass


class TestPipe(abstract.AbstractPipeTests, Fixtures):
    pass


class TestOpen(abstract.AbstractOpenTests, Fixtures):
    pass


@pytest.fixture
def options(request):
    return {"backend": "memory", "name": request.node.name}


@pytest.fixture
def fs(options):
    return fsspec.filesystem("greenlithops", **options)


def test_it_is_found_by_its_protocol(options):
    with fsspec.open("greenlithops://b/d/f.txt", "w", **options) as file:
        file.write("text")
    with fsspec.open("greenlithops://b/d/f.txt", **options) as file:
        assert file.read() == b"text"
    fs, path = fsspec.core.url_to_fs("greenlithops://b/d/f.txt", **options)
    assert isinstance(fs, GreenlithopsFileSystem)
    assert (path, fs.unstrip_protocol(path)) == ("b/d/f.txt", "greenlithops://b/d/f.txt")
    mapper = fsspec.get_mapper("greenlithops://b/d", **options)
    assert dict(mapper) == {"f.txt": b"text"}


def test_what_is_told_of_objects_and_directories(fs):
    fs.pipe({"b/a/1": b"one", "b/a/d/2": b"two", "b/c": b"three"})
    info = fs.info("greenlithops://b/a/1")
    assert (info["name"], info["size"], info["type"]) == ("b/a/1", 3, "file")
    assert fs.modified("b/a/1") == info["LastModified"]
    assert fs.info("b/a")["type"] == fs.info("b")["type"] == "directory"
    assert fs.ls("b", detail=False) == ["b/a", "b/c"]
    assert fs.ls("b/a/", detail=False) == ["b/a/1", "b/a/d"]
    assert fs.ls("b/c", detail=False) == ["b/c"]
    assert fs.find("b") == ["b/a/1", "b/a/d/2", "b/c"]
    assert fs.find("b/a", withdirs=True) == ["b/a", "b/a/1", "b/a/d", "b/a/d/2"]
    assert fs.find("b", maxdepth=1) == ["b/c"]
    assert fs.find("b/c") == ["b/c"]
    assert fs.glob("b/**/2") == ["b/a/d/2"]
    assert fs.glob("b/a/*") == ["b/a/1", "b/a/d"]
    assert fs.du("b") == 11
    assert [(path, sorted(dirs), sorted(files)) for path, dirs, files in fs.walk("b")] == [
        ("b", ["a"], ["c"]),
        ("b/a", ["d"], ["1"]),
        ("b/a/d", [], ["2"]),
    ]
    for missing in ("b/none", "none/x", "none"):
        assert not fs.exists(missing)
        with pytest.raises(FileNotFoundError):
            fs.info(missing)
        with pytest.raises(FileNotFoundError):
            fs.ls(missing)


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (None, None),
        (0, 4),
        (3, None),
        (-4, None),
        (2, -2),
        (-5, -1),
        (4, 4),
        (7, 3),
        (8, 99),
        (99, 100),
    ],
)
def test_parts_are_pythons_slices(fs, start, end):
    fs.pipe("b/k", b"0123456789")
    assert fs.cat_file("b/k", start, end) == b"0123456789"[start:end]
    assert fs.cat_ranges(["b/k"], [start], [end]) == [b"0123456789"[start:end]]


def test_files(fs):
    with fs.open("b/k", "wb") as file:
        file.write(b"0123456789" * 1000)
        assert not fs.exists("b/k")
    with fs.open("b/k") as file:
        assert (file.fs, file.path, file.size) == (fs, "b/k", 10_000)
        assert file.info()["name"] == "b/k"
        assert file.seek(9_995) == 9_995
        back = pickle.loads(pickle.dumps(file))
        assert back.read() == file.read() == b"56789"
        back.close()
    with fs.open("b/k", "ab") as file:
        file.write(b"more")
    assert fs.tail("b/k", 5) == b"9more"
    assert fs.head("b/k", 2) == b"01"
    with fs.open("b/t.gz", "wt", compression="infer") as file:
        file.write("zipped")
    with fs.open("b/t.gz", "rt", compression="infer") as file:
        assert file.read() == "zipped"
    with fs.open("b/k", "r+b") as file:
        file.write(b"X")
    assert fs.cat_file("b/k", 0, 2) == b"X1"
    with pytest.raises(FileExistsError):
        fs.open("b/k", "xb")
    with pytest.raises(IsADirectoryError):
        fs.open("b")


def test_what_fails_within_is_not_written(fs):
    def fail():
        with fs.open("b/k", "wb") as file:
            file.write(b"half")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not fs.exists("b/k")


def test_transactions(fs):
    with fs.transaction:
        with fs.open("b/1", "wb") as file:
            file.write(b"one")
        assert not fs.exists("b/1")
    assert fs.cat("b/1") == b"one"

    def fail():
        with fs.transaction:
            with fs.open("b/2", "wb") as file:
                file.write(b"two")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert not fs.exists("b/2")


def test_removing(fs):
    fs.pipe({f"b/d/{number}": b"" for number in range(5)} | {"b/e": b""})
    with pytest.raises(IsADirectoryError):
        fs.rm("b/d")
    with pytest.raises(FileNotFoundError):
        fs.rm("b/none")
    fs.rm(["b/d/0", "b/d/1"])
    fs.rm("b/d/[2]")
    fs.rm_file("b/d/3")
    assert fs.find("b") == ["b/d/4", "b/e"]
    fs.rm("b/d", recursive=True)
    assert fs.find("b") == ["b/e"]
    fs.rm("b", recursive=True)
    assert not fs.exists("b")
    fs.pipe("b/e", b"again")
    assert fs.cat("b/e") == b"again"


def test_moving_and_copying(fs):
    fs.pipe({"b/d/1": b"one", "b/d/2": b"two"})
    fs.mv("b/d/1", "c/1")
    fs.cp("b/d/", "c/e/", recursive=True)
    assert fs.cat("c", recursive=True, on_error="omit") == {"c/1": b"one", "c/e/2": b"two"}
    assert fs.find("b") == ["b/d/2"]


def test_files_go_up_and_down(fs, tmp_path):
    (tmp_path / "f").write_bytes(b"x" * 100_000)
    seen = fsspec.callbacks.Callback()
    fs.put_file(str(tmp_path / "f"), "b/f", callback=seen)
    assert (seen.size, seen.value) == (100_000, 100_000)
    with pytest.raises(FileExistsError):
        fs.put_file(str(tmp_path / "f"), "b/f", mode="create")
    fs.get_file("b/f", str(tmp_path / "g"), callback=seen)
    assert (tmp_path / "g").stat().st_size == 100_000
    taken = io.BytesIO()
    fs.get_file("b/f", taken)
    assert len(taken.getvalue()) == 100_000


def test_the_configuration_of_a_storage_is_enough(options, fs):
    fs.pipe("b/k", b"content")
    config = {"backend": "memory", "memory": {"name": options["name"]}}
    assert GreenlithopsFileSystem(storage_config=config).cat("b/k") == b"content"


def test_it_travels(fs):
    fs.pipe("b/k", b"content")
    assert pickle.loads(pickle.dumps(fs)).cat("b/k") == b"content"


def test_what_it_needs(fs):
    with pytest.raises(UsageError, match="backend is needed"):
        GreenlithopsFileSystem(root="/nowhere")
    with pytest.raises(UsageError, match="no bucket"):
        fs.cat_file("greenlithops://")
    assert fs.ls("", detail=False) == ["storage"]
    fs.bucket = None
    with pytest.raises(NotSupported, match="name one"):
        fs.ls("")
    with pytest.raises(NotImplementedError):
        fs.sign("b/k")


async def test_it_is_awaited_in_any_loop(options):
    fs = fsspec.filesystem("greenlithops", asynchronous=True, **options)
    await fs._pipe({f"b/{number}": b"%d" % number for number in range(100)})
    assert await fs._cat_ranges([f"b/{n}" for n in range(100)], 0, None) == [
        b"%d" % n for n in range(100)
    ]
    assert await asyncio.to_thread(lambda: asyncio.run(fs._cat_file("b/7"))) == b"7"
    async with await fs.open_async("b/streamed", "wb") as file:
        for _ in range(3):
            await file.write(b"x" * (1 << 20))
    async with await fs.open_async("b/streamed") as file:
        assert len(await file.read(10)) == 10
        assert len(await file.read()) == (3 << 20) - 10

    async def fail():
        async with await fs.open_async("b/half", "wb") as file:
            await file.write(b"x" * (2 << 20))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    assert not await fs._exists("b/half")
    with pytest.raises(UsageError, match="ab"):
        await fs.open_async("b/k", "ab")


async def test_a_file_that_is_changed_while_it_is_read_is_not_mixed(options):
    fs = fsspec.filesystem("greenlithops", asynchronous=True, **options)
    await fs._pipe_file("b/k", b"1" * 10)
    async with await fs.open_async("b/k") as file:
        assert await file.read(5) == b"11111"
        await fs._pipe_file("b/k", b"2" * 10)
        with pytest.raises(PreconditionFailed):
            await file.read(5)


async def test_a_cancelled_wait_is_cancelled_there(options):
    fs = fsspec.filesystem("greenlithops", asynchronous=True, **options)
    started, ended = asyncio.Event(), asyncio.Event()
    here = asyncio.get_running_loop()

    async def hang(_):
        here.call_soon_threadsafe(started.set)
        try:
            await asyncio.sleep(60)
        finally:
            here.call_soon_threadsafe(ended.set)

    waiting = asyncio.create_task(fs.host.asked(hang))
    await started.wait()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with soon():
        await ended.wait()
