"""Every record is in exactly one part, whatever the content, the separator and the cut."""

import asyncio
import gzip
import io
import itertools
from concurrent.futures import Future

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.dispatch.partition import Cut, count, cut, spans
from greenlithops.errors import UsageError
from greenlithops.storage.mapping.part import Part
from greenlithops.storage.mapping.reader import ObjectReader
from greenlithops.storage.mapping.records import overlaps_itself, record_start


class Memory:
    """Bytes in memory as an origin, with blocks of any size, and a note of what was read."""

    def __init__(self, data, block=4, tail=2, ahead=False):
        self.data = data
        self.block = block
        self.tail = tail
        self.ahead = ahead
        self.asked = []
        self.closed = False

    def read(self, start, stop):
        assert 0 <= start < stop <= len(self.data), (start, stop, len(self.data))
        self.asked.append((start, stop))
        return self.data[start:stop]

    def begin(self, start, stop):
        future = Future()
        future.set_result(self.read(start, stop))
        return future

    def close(self):
        self.closed = True


def records(data, separator):
    """Return the records of an object, by the definition."""
    pieces = data.split(separator)
    found = [piece + separator for piece in pieces[:-1]]
    return found + ([pieces[-1]] if pieces[-1] else [])


def expected(data, separator, cuts):
    """Return what each part holds: the records that begin in it."""
    if separator is None:
        return [data[start:stop] for start, stop in cuts]
    held = [b""] * len(cuts)
    begin = 0
    for record in records(data, separator):
        place = next(n for n, (start, stop) in enumerate(cuts) if start <= begin < stop)
        held[place] += record
        begin += len(record)
    return held


def readers(data, how, **origin):
    total = count(len(data), how)
    for number, (start, stop) in enumerate(spans(len(data), how), 1):
        about = ("m", "memory", "b", "k", None)
        part = Part(*about, start, stop, len(data), "", number, total)
        yield ObjectReader(part, how.newline, Memory(data, **origin))


separators = st.sampled_from([b"a", b"ab", b"aa", b"aba", b"aab", b"abab", b"\n", b"aaaa"])
contents = st.lists(st.sampled_from([b"a", b"b", b"ab", b"aa", b"\n", b"c"]), max_size=40).map(
    b"".join
)
sizes = st.integers(1, 12)
cuts = st.one_of(
    st.builds(Cut, size=sizes, newline=st.one_of(st.none(), separators)),
    st.builds(Cut, number=sizes, newline=st.one_of(st.none(), separators)),
)
origins = st.fixed_dictionaries({"block": sizes, "tail": sizes, "ahead": st.booleans()})


def answered(steps, data):
    """Return what a search returns whose questions are answered."""
    try:
        start, stop = next(steps)
        while True:
            assert 0 <= start < stop <= len(data)
            start, stop = steps.send(data[start:stop])
    except StopIteration as done:
        return done.value


@given(contents, separators, st.data())
def test_a_record_begins_where_splitting_says(data, separator, draw):
    at = draw.draw(st.integers(0, len(data)))
    before = draw.draw(st.integers(at, len(data)))
    begins = [0]
    for record in records(data, separator):
        begins.append(begins[-1] + len(record))
    found = [begin for begin in begins if at <= begin < before]
    assert answered(record_start(at, before, separator), data) == (found[0] if found else before)
    floor = draw.draw(st.sampled_from([begin for begin in begins if begin <= at]))
    known = answered(record_start(at, before, separator, floor), data)
    assert known == (found[0] if found else before)


def test_which_separators_overlap_themselves():
    assert [s for s in (b"a", b"ab", b"\r\n", b"aa", b"aba", b"abab") if overlaps_itself(s)] == [
        b"aa",
        b"aba",
        b"abab",
    ]


def test_long_runs_of_a_separator_that_overlaps_itself_end():
    data = b"x" + b"a" * 300_001 + b"b"
    assert answered(record_start(200_000, len(data), b"aa"), data) == 200_001
    assert answered(record_start(200_001, len(data), b"aa"), data) == 200_001


@given(contents, cuts, origins)
def test_the_parts_together_are_the_object_and_each_record_is_in_one(data, how, origin):
    bounds = list(spans(len(data), how))
    found = [reader.read() for reader in readers(data, how, **origin)]
    assert found == expected(data, how.newline, bounds)
    assert b"".join(found) == data


@given(contents, cuts, origins, st.data())
def test_however_it_is_read(data, how, origin, draw):
    wanted = expected(data, how.newline, list(spans(len(data), how)))
    for reader, whole in zip(readers(data, how, **origin), wanted, strict=True):
        twin = io.BytesIO(whole)
        for _ in range(draw.draw(st.integers(1, 8))):
            what = draw.draw(st.sampled_from(["read", "read1", "readinto", "line", "seek", "end"]))
            size = draw.draw(st.integers(0, 9))
            if what == "read":
                assert reader.read(size) == twin.read(size)
            elif what == "read1":
                got = reader.read1(size)
                assert twin.read(len(got)) == got
                assert got or not size or not twin.read()
            elif what == "readinto":
                target = bytearray(size)
                got = reader.readinto(target)
                assert bytes(target[:got]) == twin.read(got)
            elif what == "line":
                assert reader.readline() == twin.readline()
            elif what == "seek":
                assert reader.seek(size) == twin.seek(size)
            else:
                back = min(size, len(whole))
                assert reader.seek(-back, io.SEEK_END) == twin.seek(-back, io.SEEK_END)
            assert reader.tell() == twin.tell()
        assert list(reader) == list(twin)


@given(contents, cuts, origins, st.data())
def test_however_it_is_read_in_coroutines(data, how, origin, draw):
    wanted = expected(data, how.newline, list(spans(len(data), how)))
    amounts = draw.draw(st.lists(st.integers(0, 9), max_size=6))

    async def read(reader, whole):
        twin = io.BytesIO(whole)
        for amount in amounts:
            assert await reader.aread(amount) == twin.read(amount)
        rest = b"".join([chunk async for chunk in reader])
        assert rest == twin.read()
        assert await reader.aread() == b""

    async def read_all():
        for reader, whole in zip(readers(data, how, **origin), wanted, strict=True):
            await read(reader, whole)

    asyncio.run(read_all())


async def test_coroutines_that_read_at_the_same_time_take_turns():
    data = bytes(range(100))
    (reader,) = readers(data, Cut(newline=None), block=7)
    found = await asyncio.gather(*(reader.aread(10) for _ in range(9)), anext(aiter(reader)))
    assert b"".join(found) + reader.read() == data


async def test_pieces_and_lines_together_are_the_object():
    data = b"".join(b"%d\n" % n for n in range(99))
    (reader,) = readers(data, Cut(), block=7)
    found = []
    async for piece in reader:
        found += [piece, reader.readline()]
    assert b"".join(found) == data


@given(contents, cuts)
def test_cuts_are_gapless_and_as_many_as_was_said(data, how):
    found = list(spans(len(data), how))
    assert len(found) == count(len(data), how)
    assert found[0][0] == 0
    assert found[-1][1] == len(data)
    assert all(one[1] == other[0] for one, other in itertools.pairwise(found))
    assert all(start < stop for start, stop in found) or not data
    if how.number is not None:
        lengths = {stop - start for start, stop in found}
        assert len(found) == max(1, min(how.number, len(data)))
        assert max(lengths) - min(lengths) <= 1


@pytest.mark.parametrize("newline", [None, b"\n"])
@pytest.mark.parametrize("data", [b"", b"x", b"\n", b"no end", b"ends\n", b"a\nb"])
@pytest.mark.parametrize("how", [{"size": 1}, {"size": 50}, {"number": 3}, {}])
def test_small_objects(data, how, newline):
    parts = list(readers(data, Cut(newline=newline, **how)))
    assert len(parts) >= 1
    assert b"".join(reader.read() for reader in parts) == data


def test_a_hundred_and_one_bytes_in_parts_of_fifty():
    parts = [reader.read() for reader in readers(b"x" * 101, Cut(50, newline=None))]
    assert [len(part) for part in parts] == [50, 50, 1]


def test_a_record_that_is_longer_than_its_part_is_whole():
    data = b"short\n" + b"x" * 600_000 + b"\nlast"
    found = [reader.read() for reader in readers(data, Cut(1000), block=4096, tail=100)]
    assert found[0] == data[:-4]
    assert found[-1] == b"last"
    assert not any(found[1:-1])


def test_a_part_in_which_nothing_begins_does_not_read_on():
    data = b"x" * 100_000
    *_, last = readers(data, Cut(10_000), block=1000, tail=10)
    assert last.read() == b""
    assert all(stop <= 100_000 and start >= 89_000 for start, stop in last._window._origin.asked)


def test_what_is_read_is_little_more_than_the_part():
    data = b"0123456\n" * 100_000
    parts = list(readers(data, Cut(80_000), block=10_000, tail=5_000, ahead=True))
    for reader in parts:
        reader.read()
        asked = sum(stop - start for start, stop in reader._window._origin.asked)
        assert asked <= 80_000 + 5_001


def test_files_of_all_kinds_read_from_it():
    text = "".join(f"grün {n}\n" for n in range(1000))
    (reader,) = readers(text.encode(), Cut(), block=100)
    assert isinstance(reader, io.BufferedIOBase)
    assert io.TextIOWrapper(reader, "utf-8").readlines() == text.splitlines(keepends=True)
    (zipped,) = readers(gzip.compress(text.encode()), Cut(), block=100)
    with gzip.open(zipped) as unzipped:
        assert unzipped.read().decode() == text


def test_what_a_reader_tells():
    first, second = readers(b"one\ntwo\nthree\n", Cut(8))
    assert (first.part, first.total_parts, first.chunk_size) == (1, 2, 8)
    assert (first.data_byte_range, second.data_byte_range) == ((0, 7), (8, 13))
    assert (second.backend, second.bucket, second.key) == ("memory", "b", "k")
    assert (second.url, second.path, second.newline) == (None, None, b"\n")
    assert second.data_stream.readline() == b"three\n"
    assert repr(second) == "<memory://b/k, part 2 of 2>"
    (whole,) = readers(b"one\n", Cut())
    assert whole.data_byte_range is None
    origin = whole._window._origin
    whole.close()
    assert origin.closed


def test_a_negative_position_is_refused_and_one_behind_the_end_is_empty():
    (reader,) = readers(b"one\n", Cut())
    with pytest.raises((ValueError, OSError)):
        reader.seek(-1)
    reader.seek(100)
    assert reader.read() == b""


def test_what_programs_say_about_cuts():
    assert cut("64 MiB", None, "\r\n") == Cut(64 << 20, None, b"\r\n")
    assert cut(10, 3, None) == Cut(10, 3, None)
    assert cut(None, None, b";") == Cut(None, None, b";")
    for bad in [(None, None, ""), (0.5, None, "\n"), (None, -1, "\n"), ("x", None, "\n")]:
        with pytest.raises(UsageError):
            cut(*bad)
    with pytest.raises(UsageError, match="obj_newline"):
        cut(None, None, 5)
