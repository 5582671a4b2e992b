"""Objects as files do what files in memory do, whatever is done with them, in any order."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import greenlithops as gl
from greenlithops.storage import reader
from greenlithops.sync.loop import background

background().call(lambda: None)

SMALL = {"FIRST_BYTES": 7, "LARGEST_BYTES": 29}  #: so that small objects have many ranges
numbers = itertools.count()

SIZES = st.one_of(st.integers(0, 12), st.just(-1), st.integers(30, 200))
READS = st.one_of(
    st.tuples(st.just("read"), SIZES),
    st.tuples(st.just("read1"), st.integers(0, 40)),
    st.tuples(st.just("readline"), SIZES),
    st.tuples(st.just("peek_and_read"), st.integers(1, 9)),
    st.tuples(st.just("seek"), st.integers(0, 260), st.just(0)),
    st.tuples(st.just("seek"), st.integers(-200, 40), st.sampled_from([1, 2])),
    st.tuples(st.just("tell")),
    st.tuples(st.just("readinto"), st.integers(0, 50)),
)


@pytest.fixture(autouse=True, scope="module")
def small_ranges():
    with pytest.MonkeyPatch.context() as patch:
        for name, size in SMALL.items():
            patch.setattr(reader, name, size)
        yield


@pytest.fixture(scope="module")
def storage():
    return gl.Storage({"memory": {"name": "files of any kind"}}, "memory")


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A file, which is the standard."""
    return tmp_path_factory.mktemp("files") / "original"


def do(file, operation):
    """Do something with a file; return what it gives."""
    name, *arguments = operation
    try:
        if name == "readinto":
            buffer = bytearray(arguments[0])
            return file.readinto(buffer), bytes(buffer)
        if name == "read1":
            return name  # how much comes is up to the buffer
        if name == "peek_and_read":
            return file.read(*arguments)
        return getattr(file, name)(*arguments)
    except OSError as error:
        return error.errno  # of a place before the beginning


@given(
    content=st.binary(max_size=220),
    part=st.tuples(st.integers(0, 100), st.integers(0, 220)),
    operations=st.lists(READS, max_size=30),
    buffer=st.sampled_from([1, 5, 64]),
)
def test_reading(  # noqa: PLR0917 - what is drawn
    storage, original, content, part, operations, buffer
):
    key = str(next(numbers))
    storage.put_object("b", key, content)
    original.write_bytes(content)
    with (
        storage.open("b", key, "rb", buffering=max(buffer, 2)) as found,
        original.open("rb") as wanted,
    ):
        for operation in operations:
            assert do(found, operation) == do(wanted, operation), operation
            assert found.tell() == wanted.tell()
    start, stop = part
    if start < len(content) and start <= stop:
        extra = {"Range": f"bytes={start}-{stop}"}
        original.write_bytes(content[start : stop + 1])
        stream = storage.get_object("b", key, stream=True, extra_get_args=extra)
        with stream as found, original.open("rb") as wanted:
            for operation in operations:
                assert do(found, operation) == do(wanted, operation), operation


WRITES = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.binary(max_size=60)),
        st.tuples(st.just("flush")),
        st.tuples(st.just("tell")),
    ),
    max_size=12,
)
EDITS = st.lists(
    st.one_of(
        READS, st.tuples(st.just("write"), st.binary(max_size=60)), st.tuples(st.just("flush"))
    ),
    max_size=20,
)


@given(before=st.none() | st.binary(max_size=100), mode=st.sampled_from("wa"), operations=WRITES)
def test_writing_and_appending(storage, original, before, mode, operations):
    key, path = str(next(numbers)), original
    path.unlink(missing_ok=True)
    if before is not None:
        path.write_bytes(before)
        storage.put_object("b", key, before)
    with path.open(f"{mode}b") as wanted, storage.open("b", key, f"{mode}b", 8) as found:
        for operation in operations:
            assert do(found, operation) == do(wanted, operation), operation
    assert storage.get_object("b", key) == path.read_bytes()


@settings(max_examples=30)
@given(
    before=st.none() | st.binary(max_size=100),
    mode=st.sampled_from(["r+", "w+", "a+"]),
    operations=EDITS,
)
def test_editing(storage, original, before, mode, operations):
    key, path = str(next(numbers)), original
    path.unlink(missing_ok=True)
    if before is not None:
        path.write_bytes(before)
        storage.put_object("b", key, before)
    elif mode == "r+":
        return
    with path.open(f"{mode}b") as wanted, storage.open("b", key, f"{mode}b") as found:
        for operation in operations:
            assert do(found, operation) == do(wanted, operation), operation
    assert storage.get_object("b", key) == path.read_bytes()
