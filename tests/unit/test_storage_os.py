"""`greenlithops.storage_os` does with objects what `open` and `os` do with files."""

import csv
import errno
import gzip
import io
import os
import pickle
import stat
import tarfile
import zipfile

import pytest

import greenlithops as gl
from greenlithops.errors import (
    InvalidName,
    NoSuchKey,
    NotSupported,
    PreconditionFailed,
    UsageError,
)
from greenlithops.storage_os import CloudFileProxy, CloudStorage
from greenlithops.sync.loop import background

background().call(lambda: None)


@pytest.fixture
def storage(request):
    return CloudStorage({"backend": "memory", "memory": {"name": request.node.name}})


@pytest.fixture
def cloud(storage):
    return CloudFileProxy(storage)


@pytest.fixture
def tree(cloud):
    for name in ["top.txt", "a/1.txt", "a/2.txt", "a/deep/er/3.txt", "b/4.txt", "ab.txt"]:
        with cloud.open(name, "w") as file:
            file.write(name)
    return cloud


# open


ACTIONS = ["r", "r+", "w", "w+", "a", "a+", "x", "x+"]


@pytest.mark.parametrize("kind", ["b", ""])
@pytest.mark.parametrize("there", [True, False])
@pytest.mark.parametrize("action", ACTIONS)
def test_every_mode_does_what_it_does_with_files(cloud, tmp_path, action, there, kind):
    """The same operations on a file and on an object give the same results and errors."""
    content = "one\ntwo, drei ✓\r\n"
    if there:
        (tmp_path / "f").write_bytes(content.encode())
        cloud._storage.put_data("f", content)

    def operate(opened):
        seen = []
        more = "neu ✓\n" if not kind else "neu ✓\n".encode()
        for operation in (
            lambda file: file.read(3),
            lambda file: file.write(more),
            lambda file: file.seek(0) if "+" in action or "r" in action else None,
            lambda file: file.read(),
            lambda file: file.readable(),
            lambda file: file.writable(),
            lambda file: file.write(more + more),
            lambda file: file.mode,
        ):
            try:
                seen.append(operation(opened))
            except io.UnsupportedOperation:
                seen.append("unsupported")
        opened.close()
        return seen

    text = {} if kind else {"encoding": "utf-8"}
    mode = action + kind
    try:
        wanted = operate(open(tmp_path / "f", mode, **text))  # noqa: PTH123, SIM115 - the original
    except OSError as error:
        with pytest.raises(type(error)):
            cloud.open("f", mode)
        return
    with cloud.open("f", mode, **text) as opened:
        found = operate(opened)
    if kind:  # a binary file's mode is that of its raw file, which is a copy for "+"
        wanted.pop()
        found.pop()
    assert found == wanted
    assert cloud._storage.get_data("f") == (tmp_path / "f").read_bytes()


@pytest.mark.parametrize("mode", ["", "rw", "b", "rbt", "r++", "z", "rU", "xa", "bb", "tb", 7])
def test_what_is_no_mode_is_an_error(cloud, mode):
    with pytest.raises(UsageError, match="mode"):
        cloud.open("f", mode)


@pytest.mark.parametrize(
    "options",
    [{"encoding": "utf-8"}, {"errors": "ignore"}, {"newline": ""}],
)
def test_binary_files_have_no_encoding(cloud, options):
    with pytest.raises(UsageError, match=next(iter(options))):
        cloud.open("f", "wb", **options)
    with pytest.raises(UsageError, match="buffer"):
        cloud.open("f", "w", buffering=0)


def test_texts_have_encodings_errors_and_newlines(cloud):
    with cloud.open("f", "w", encoding="latin-1", newline="\r\n") as file:
        file.write("ä\nö\n")
    assert cloud._storage.get_data("f") == b"\xe4\r\n\xf6\r\n"
    with cloud.open("f", encoding="utf-8", errors="replace") as file:
        assert file.read() == "\ufffd\n\ufffd\n"
    with cloud.open("f", encoding="latin-1", newline="") as file:
        assert list(file) == ["ä\r\n", "ö\r\n"]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig"])
def test_what_is_appended_has_no_mark_of_its_own(cloud, encoding):
    for word in ("eins ", "zwei ", "drei"):
        with cloud.open("f", "a", encoding=encoding) as file:
            file.write(word)
    with cloud.open("f", encoding=encoding) as file:
        assert file.read() == "eins zwei drei"


def test_buffers_are_as_large_as_wanted(cloud):
    with cloud.open("f", "wb", buffering=0) as raw:
        assert isinstance(raw, io.RawIOBase)
        assert raw.write(b"abc") == 3
    with cloud.open("f", "rb", buffering=0) as raw:
        assert isinstance(raw, io.RawIOBase)
        assert raw.read(2) == b"ab"
        assert raw.readall() == b"c"
    with cloud.open("f", "w", buffering=1) as file:
        file.write("line\n")
        assert file.line_buffering


def test_large_objects_are_written_and_read_piece_by_piece(cloud):
    size = 40 << 20
    with cloud.open("big", "wb") as file:
        for number in range(40):
            file.write(bytes([number]) * (1 << 20))
        assert file.tell() == size
        assert not cloud.path.exists("big")
    assert cloud.path.getsize("big") == size
    with cloud.open("big", "rb") as file:
        for number in (39, 0, 17, 18, 19, 3):
            file.seek(number << 20)
            assert file.read(1 << 20) == bytes([number]) * (1 << 20)
        ranges = file.raw._ranges
        assert len(ranges.current.data) <= 8 << 20
        file.seek(0)
        assert sum(map(len, iter(lambda: file.read(100_000), b""))) == size


@pytest.mark.parametrize("mode", ["w", "a", "r+", "w+"])
def test_what_fails_within_leaves_the_object_as_it_was(cloud, mode):
    cloud._storage.put_data("f", "before")

    def fail():
        with cloud.open("f", mode) as file:
            file.write("half of it")
            file.flush()
            raise KeyError("this")

    with pytest.raises(KeyError):
        fail()
    assert cloud._storage.get_data("f") == b"before"


def test_an_empty_object_is_made_by_opening_and_closing(cloud):
    cloud.open("empty", "w").close()
    assert cloud.path.getsize("empty") == 0
    with cloud.open("empty", "rb") as file:
        assert file.read() == b""
        assert file.seek(0, 2) == 0


@pytest.mark.parametrize("mode", ["a", "r+", "x"])
def test_nothing_that_others_wrote_meanwhile_is_overwritten(cloud, mode):
    if mode != "x":
        cloud._storage.put_data("f", "before ")
    file = cloud.open("f", mode)
    file.write("mine")
    cloud._storage.put_data("f", "theirs")
    with pytest.raises(PreconditionFailed):
        file.close()
    assert cloud._storage.get_data("f") == b"theirs"


def test_one_request_at_a_time_is_enough(request):
    section = {"name": request.node.name, "concurrency": 1, "part_bytes": 1 << 20}
    cloud = CloudFileProxy(CloudStorage({"backend": "memory", "memory": section}))
    for mode in ("wb", "ab", "ab"):
        with cloud.open("f", mode) as file:
            for _ in range(12):
                file.write(bytes(1 << 20))
    assert cloud.path.getsize("f") == 36 << 20
    with cloud.open("f", "rb") as file, cloud.open("g", "wb") as copy:
        while piece := file.read(1 << 20):
            copy.write(piece)
    cloud.rename("g", "d/g")
    assert [size for _, _, names in cloud.walk("") for size in names] == ["f", "g"]


def test_other_libraries_take_the_files(cloud):
    with cloud.open("f.csv", "w", newline="") as file:
        csv.writer(file).writerows([["a", 1], ["b", 2]])
    with cloud.open("f.csv", newline="") as file:
        assert list(csv.reader(file)) == [["a", "1"], ["b", "2"]]
    with cloud.open("f.gz", "wb") as file, gzip.open(file, "wt") as packed:
        packed.write("zipped")
    with cloud.open("f.gz", "rb") as file, gzip.open(file, "rt") as packed:
        assert packed.read() == "zipped"
    with cloud.open("f.zip", "wb") as file, zipfile.ZipFile(file, "w") as archive:
        archive.writestr("name", b"x" * 100_000)
    with cloud.open("f.zip", "rb") as file, zipfile.ZipFile(file) as archive:
        assert archive.read("name") == b"x" * 100_000
    with cloud.open("f.tar", "wb") as file, tarfile.open(fileobj=file, mode="w|") as archive:
        archive.addfile(tarfile.TarInfo("empty"))
    with cloud.open("f.tar", "rb") as file, tarfile.open(fileobj=file) as archive:
        assert archive.getnames() == ["empty"]
    with cloud.open("f.pickle", "wb") as file:
        pickle.dump({"a": [1]}, file)
    with cloud.open("f.pickle", "rb") as file:
        assert pickle.load(file) == {"a": [1]}


def test_missing_and_wrong_files_have_the_errors_of_files(tree):
    with pytest.raises(FileNotFoundError, match=r"\[Errno 2\] .*: 'none'") as caught:
        tree.open("none")
    assert isinstance(caught.value, NoSuchKey)
    assert (caught.value.errno, caught.value.filename) == (errno.ENOENT, "none")
    for path in ("a", "a/", ""):
        with pytest.raises(IsADirectoryError):
            tree.open(path)


def test_descriptors_are_opened_as_what_they_are(cloud):
    reading, writing = os.pipe()
    os.write(writing, b"through")
    os.close(writing)
    with cloud.open(reading, "rb") as pipe:
        assert pipe.read() == b"through"


# Directories


def test_listing(tree):
    assert tree.listdir() == ["a", "ab.txt", "b", "top.txt"]
    assert tree.listdir("/", suffix_dirs=True) == ["a/", "ab.txt", "b/", "top.txt"]
    for path in ("a", "a/", "/a", "/a/", "./a"):
        assert tree.listdir(path) == ["1.txt", "2.txt", "deep"]
    assert tree.listdir("none") == []
    with pytest.raises(NotADirectoryError):
        tree.listdir("top.txt")


def test_what_runs_keep_in_a_bucket_is_hidden(tree):
    tree._storage.put_cloudobject(b"")
    tree._storage.put_data("lithops.jobs/x", b"")
    tree._storage.put_data("a/lithops.jobs/x", b"")
    assert tree.listdir() == ["a", "ab.txt", "b", "top.txt"]
    assert "lithops.jobs" in tree.listdir("a")


def test_walking(tree, tmp_path):
    for path, _, files in tree.walk(""):
        for name in files:
            target = tmp_path / path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.touch()
    for top, topdown in (("", True), ("", False), ("a", True), ("a/deep", False), ("none", True)):
        real = [
            (os.path.relpath(path, tmp_path).removeprefix("."), sorted(dirs), sorted(files))
            for path, dirs, files in os.walk(tmp_path / top, topdown)
        ]
        found = list(tree.walk(top, topdown))
        assert sorted(found) == sorted(real)
        depths = [path.count("/") for path, _, _ in found]
        if found and topdown:
            assert depths[0] == min(depths)
        elif found:
            assert depths[-1] == min(depths)


def test_a_walk_can_be_pruned_and_tells_errors(tree):
    seen = []
    for path, directories, _ in tree.walk("a"):
        seen.append(path)
        directories.clear()
    assert seen == ["a"]
    errors = []
    assert list(tree.walk("none", onerror=errors.append)) == []
    assert [error.errno for error in errors] == [errno.ENOENT]
    assert [path for path, _, _ in tree.walk("a/")] == ["a/", "a/deep", "a/deep/er"]


def test_entries(tree):
    with tree.scandir("a") as entries:
        found = list(entries)
    assert [(e.name, e.path, e.is_file(), e.is_dir(), e.is_symlink()) for e in found] == [
        ("1.txt", "a/1.txt", True, False, False),
        ("2.txt", "a/2.txt", True, False, False),
        ("deep", "a/deep", False, True, False),
    ]
    assert found[0].stat().st_size == len("a/1.txt")
    assert stat.S_ISDIR(found[2].stat().st_mode)
    assert os.fspath(found[0]) == "a/1.txt"


def test_status(tree):
    told = tree.stat("a/1.txt")
    assert (told.st_size, stat.S_ISREG(told.st_mode)) == (7, True)
    assert told.st_mtime == pytest.approx(told.st_mtime_ns / 1e9)
    assert told.st_mtime == tree.path.getmtime("a/1.txt") > 1e9
    assert stat.S_ISDIR(tree.stat("a").st_mode)
    with pytest.raises(FileNotFoundError):
        tree.stat("none")
    assert tree.access("top.txt", os.R_OK)
    assert not tree.access("top.txt", os.X_OK)


def test_paths(tree):
    path = tree.path
    for name, there, file, directory in [
        ("top.txt", True, True, False),
        ("a", True, False, True),
        ("a/", True, False, True),
        ("a/deep", True, False, True),
        ("top", False, False, False),
        ("a/deep/er/3.tx", False, False, False),
        ("top.txt/", False, False, False),
    ]:
        for prefix in ("", "/"):
            shown = prefix + name
            assert (path.exists(shown), path.isfile(shown), path.isdir(shown)) == (
                there,
                file,
                directory,
            )
    assert path.getsize("a/1.txt") == 7
    assert path.join("a", "b") == "a/b"
    assert path.basename("a/b.c") == "b.c"
    assert path.abspath("a/b") == "/a/b"
    assert path.samefile("a/b", "/a/b")
    assert not path.islink("a")


def test_an_object_and_a_directory_may_have_one_name(cloud):
    cloud._storage.put_data("x", b"object")
    cloud._storage.put_data("x/y", b"below")
    assert cloud.path.isfile("x")
    assert cloud.path.isdir("x")
    assert cloud.listdir() == ["x"]
    assert [(path, dirs, files) for path, dirs, files in cloud.walk("")] == [
        ("", ["x"], ["x"]),
        ("x", [], ["y"]),
    ]


def test_removing(tree):
    tree.remove("a/1.txt")
    tree.unlink("/top.txt")
    assert tree.listdir("a") == ["2.txt", "deep"]
    with pytest.raises(FileNotFoundError):
        tree.remove("top.txt")
    with pytest.raises(IsADirectoryError):
        tree.remove("a")


def test_making_and_removing_directories(tree):
    tree.mkdir("new")
    tree.mkdir("new/")
    tree.makedirs("new/er/est", exist_ok=True)
    assert tree.path.isdir("new/er")
    assert tree.listdir("new/er/est") == []
    assert list(tree.walk("new")) == [
        ("new", ["er"], []),
        ("new/er", ["est"], []),
        ("new/er/est", [], []),
    ]
    with pytest.raises(OSError, match="not empty") as caught:
        tree.rmdir("new")
    assert caught.value.errno == errno.ENOTEMPTY
    tree.rmdir("new/er/est")
    tree.rmdir("new")
    assert not tree.path.exists("new")
    for path, error in [("none", FileNotFoundError), ("top.txt", NotADirectoryError)]:
        with pytest.raises(error):
            tree.rmdir(path)
    with pytest.raises(FileExistsError):
        tree.mkdir("top.txt")


def test_renaming(tree):
    tree.rename("top.txt", "c/moved.txt")
    assert not tree.path.exists("top.txt")
    with tree.open("c/moved.txt") as file:
        assert file.read() == "top.txt"
    tree.rename("c/moved.txt", "c/moved.txt")
    tree.replace("c/moved.txt", "b/4.txt")
    with tree.open("b/4.txt") as file:
        assert file.read() == "top.txt"
    tree.rename("a", "d")
    assert [path for path, _, _ in tree.walk("d")] == ["d", "d/deep", "d/deep/er"]
    assert not tree.path.exists("a")
    for source, target, error in [
        ("none", "x", errno.ENOENT),
        ("ab.txt", "d", errno.EISDIR),
        ("d", "ab.txt", errno.ENOTDIR),
        ("d", "b", errno.ENOTEMPTY),
        ("d", "d/below", errno.EINVAL),
    ]:
        with pytest.raises(OSError, match=r"\[Errno") as caught:
            tree.rename(source, target)
        assert caught.value.errno == error


def test_renaming_to_a_path_that_is_too_long_keeps_what_is_there(tree):
    with tree.open("a/" + "n" * 1_000, "w") as file:
        file.write("content")
    before = sorted(tree.walk("a"))
    with pytest.raises(InvalidName):
        tree.rename("a", "longer/" * 4)
    assert sorted(tree.walk("a")) == before


# Which storage


def test_urls_name_other_buckets(tree):
    with tree.open("memory://other/x/y", "w") as file:
        file.write("there")
    assert tree.listdir("greenlithops://other/x") == ["y"]
    assert [path for path, _, _ in tree.walk("memory://other")] == [
        "memory://other",
        "memory://other/x",
    ]
    assert tree.path.abspath("memory://other/x") == "greenlithops://other/x"
    assert not tree.path.exists("memory://none/x")
    tree.rename("memory://other/x/y", "here")
    assert tree._storage.get_data("here") == b"there"
    with pytest.raises(UsageError, match="another storage"):
        tree.open("s3://bucket/key")
    with pytest.raises(UsageError, match="no bucket"):
        tree.listdir("memory://")


def test_a_path_needs_a_bucket(storage):
    storage.bucket = None
    with pytest.raises(UsageError, match="storage_bucket"):
        CloudFileProxy(storage).open("f")
    with pytest.raises(UsageError, match="storage_bucket"):
        storage.get_data("f")


def test_what_is_not_about_files_is_that_of_the_real_os(cloud, monkeypatch):
    monkeypatch.setenv("GREENLITHOPS_TEST", "here")
    assert cloud.environ["GREENLITHOPS_TEST"] == "here"
    assert cloud.getpid() == os.getpid()
    assert cloud.sep == os.sep
    for name in ("chmod", "truncate", "symlink", "utime"):
        refused = getattr(cloud, name)
        with pytest.raises(NotSupported, match=name):
            refused("key")
    with pytest.raises(AttributeError):
        cloud.nothing_of_that_name  # noqa: B018 - it raises


def test_the_functions_of_the_own_bucket(storage):
    storage.put_data("k", b"content")
    assert storage.get_data("k") == b"content"
    assert storage.list_bucket_keys("k") == ["k"]
    storage.delete_data("k")
    assert storage.list_bucket_keys() == []


def test_a_configuration_may_be_a_file_or_have_sections(tmp_path):
    sections = {"lithops": {"storage": "localhost"}, "localhost": {"root": str(tmp_path / "o")}}
    CloudStorage(sections).put_data("k", b"content")
    file = tmp_path / "config"
    file.write_text(f"lithops:\n  storage: localhost\nlocalhost:\n  root: {tmp_path / 'o'}\n")
    assert CloudStorage(str(file)).get_data("k") == b"content"


def list_and_append(cloud, path):
    with cloud.open(path, "a") as file:
        file.write(" and the worker")
    return cloud.listdir(), cloud.path.isdir("d")


def test_it_travels_to_workers(tmp_path):
    config = {"backend": "localhost", "localhost": {"root": str(tmp_path / "objects")}}
    cloud = CloudFileProxy(CloudStorage(config))
    with cloud.open("d/f", "w") as file:
        file.write("the client")
    with gl.FunctionExecutor(max_workers=1, energy="off") as fexec:
        future = fexec.call_async(list_and_append, (cloud, "d/f"))
        assert future.result() == (["d"], True)
    assert cloud._storage.get_data("d/f") == b"the client and the worker"


def test_the_module_is_the_configured_storage(tmp_path):
    import subprocess  # noqa: PLC0415 - a program of its own
    import sys  # noqa: PLC0415 - see above

    program = """
from greenlithops import storage_os
from greenlithops.storage_os import open, os
with open("a/b.txt", "w") as file:
    file.write("text")
print(storage_os.listdir("a"), os.path.isfile("a/b.txt"), storage_os.path.getsize("a/b.txt"))
print(storage_os.os is os, list(storage_os.walk("a")))
os.remove("a/b.txt")
print(os.path.exists("a"))
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.stdout, done.stderr) == (
        "['b.txt'] True 4\nTrue [('a', [], ['b.txt'])]\nFalse\n",
        "",
    )
