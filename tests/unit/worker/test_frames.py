"""Frames: any chunking gives the same; what was tampered with is never read."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from greenlithops.errors import ProtocolError
from greenlithops.worker import frames
from greenlithops.worker.frames import FrameReader, Sealer
from support import scripts

KEY = bytes(range(32))
OTHER = bytes(32)

buffers = st.lists(
    st.one_of(
        st.binary(max_size=300),
        st.binary(max_size=50).map(bytearray),
        st.sampled_from([b"big" * 30_000, b"bigger" * 60_000]),
    ),
    max_size=4,
)
messages = st.one_of(
    st.binary(min_size=1, max_size=200),
    st.sampled_from([b"m" * frames.STAGING_BYTES, b"n" * (frames.STAGING_BYTES * 3 + 7)]),
)
sequences = st.lists(st.tuples(st.integers(0, 255), messages, buffers), min_size=1, max_size=5)


def sealed(sequence, key=KEY, direction=frames.TO_WORKER):
    sealer = Sealer(key, direction)
    return [b"".join(map(bytes, sealer.seal(*frame))) for frame in sequence]


def read(data, chunks=(1 << 30,), key=KEY, direction=frames.TO_WORKER):
    """Feed a stream in chunks of some sizes, the last of them again and again."""
    reader = FrameReader(key, direction)
    found, sizes, view = [], list(chunks), memoryview(data)
    while view:
        size = sizes.pop(0) if len(sizes) > 1 else sizes[0]
        space = reader.space()
        size = max(1, min(size, len(space), len(view)))
        space[:size] = view[:size]
        view = view[size:]
        found += [
            (kind, bytes(message), [bytes(raw) for raw in raws])
            for kind, message, raws in reader.advance(size)
        ]
    return found


def plain(sequence):
    return [(kind, message, [bytes(raw) for raw in raws]) for kind, message, raws in sequence]


@settings(max_examples=30)
@given(sequences, st.lists(st.integers(100, 400_000), min_size=1, max_size=12))
def test_any_chunking_gives_the_same_frames(sequence, chunks):
    assert read(b"".join(sealed(sequence)), chunks) == plain(sequence)


@given(
    st.lists(
        st.tuples(st.integers(0, 255), st.binary(min_size=1, max_size=30), st.just([])), max_size=3
    )
)
def test_byte_by_byte_gives_the_same_frames(sequence):
    assert read(b"".join(sealed(sequence)), [1]) == plain(sequence)


@given(sequences)
def test_a_truncated_stream_gives_no_frame_that_is_not_whole(sequence):
    pieces = sealed(sequence)
    last = pieces[-1]
    for cut in {1, len(last) // 2, len(last) - 1} - {0, len(last)}:
        assert read(b"".join(pieces[:-1]) + last[:cut]) == plain(sequence[:-1])


small = st.lists(
    st.tuples(
        st.integers(0, 255),
        st.binary(min_size=1, max_size=60),
        st.lists(st.binary(min_size=1, max_size=20), max_size=2),
    ),
    min_size=1,
    max_size=3,
)


@given(small, st.data())
def test_a_flipped_bit_is_never_read(sequence, data):
    pieces = sealed(sequence)
    victim = data.draw(st.integers(0, len(pieces) - 1))
    _, message, raws = sequence[victim]
    covered = frames.HEADER_BYTES + len(message) + 8 * len(raws)
    # Lengths of gigabytes have a test of their own.
    position = data.draw(st.integers(0, covered - 1).filter(lambda n: not 15 <= n < 20))
    bad = bytearray(pieces[victim])
    bad[position] ^= 1 << data.draw(st.integers(0, 7))
    stream = b"".join([*pieces[:victim], bytes(bad), *pieces[victim + 1 :]])
    good = plain(sequence[:victim])
    try:
        found = read(stream)
    except ProtocolError:
        return
    # A longer length waits for bytes that do not come: nothing of it is read either.
    assert found == good


def test_a_length_is_not_believed_before_it_is_authentic(tmp_path):
    """One flipped bit may not allocate gigabytes, nor fail otherwise than as a protocol error."""
    out = scripts.run(
        tmp_path,
        """
        import resource
        from greenlithops.errors import ProtocolError
        from greenlithops.worker import frames

        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        offset = 4 + 1 + 3 + 4  # magic, kind, padding, number of buffers
        for bit in range(64):
            key = bytes(32)
            bad = bytearray(frames.Sealer(key, frames.TO_CLIENT).seal(1, b"message")[0])
            bad[offset + bit // 8] ^= 1 << bit % 8
            reader = frames.FrameReader(key, frames.TO_CLIENT)
            reader.space()[:len(bad)] = bad
            try:
                assert reader.advance(len(bad)) == []
            except ProtocolError:
                continue
            except MemoryError:
                print("out of memory at bit", bit)
        """,
    )
    assert out == ""


@given(small)
def test_replayed_reordered_and_dropped_frames_are_refused(sequence):
    pieces = sealed(sequence)
    with pytest.raises(ProtocolError):
        read(b"".join([*pieces, pieces[-1]]))
    with pytest.raises(ProtocolError):
        read(b"".join([*pieces, pieces[0]]))
    if len(pieces) > 1:
        with pytest.raises(ProtocolError):
            read(b"".join(pieces[1:]))
        with pytest.raises(ProtocolError):
            read(b"".join(reversed(pieces)))


@given(small)
def test_the_wrong_key_and_direction_are_refused(sequence):
    data = b"".join(sealed(sequence))
    with pytest.raises(ProtocolError):
        read(data, key=OTHER)
    with pytest.raises(ProtocolError):
        read(data, direction=frames.TO_CLIENT)
    assert read(data) == plain(sequence)


@given(st.binary(min_size=frames.HEADER_BYTES, max_size=1000))
def test_garbage_is_refused(data):
    with pytest.raises(ProtocolError):
        read(data)


def test_a_frame_without_a_body_is_refused():
    data = frames.HEADER.pack(frames.MAGIC, 1, 0, 0, 0) + bytes(frames.MAC_BYTES)
    with pytest.raises(ProtocolError):
        read(data)


def test_a_table_longer_than_the_body_is_refused():
    sealer = Sealer(KEY, frames.TO_WORKER)
    sealer.seal(1, b"x")
    header = frames.HEADER.pack(frames.MAGIC, 1, 100, 3, 0)
    mac = frames._mac(KEY, frames.TO_WORKER, header, b"abc")
    with pytest.raises(ProtocolError):
        read(header + mac + b"abc")


def test_received_buffers_are_memory_of_their_own():
    """Received bytes are written in place: no shared or cached object may be changed by it."""
    sealer = Sealer(KEY, frames.TO_WORKER)
    raws = [b"\x07", b"\x08", bytearray(b"\x09"), b"", bytearray(), b"ab" * 100_000]
    data = b"".join(map(bytes, sealer.seal(1, b"m", raws)))
    assert read(data) == [(1, b"m", [bytes(raw) for raw in raws])]
    assert bytes(1) == b"\x00" == b"\x01\x00"[1:]
    assert [bytes([n]) for n in range(256)] == [n.to_bytes(1, "big") for n in range(256)]
    assert len(b"") == 0


def test_a_buffer_that_may_be_written_stays_so():
    reader = FrameReader(KEY, frames.TO_WORKER)
    sealer = Sealer(KEY, frames.TO_WORKER)
    data = b"".join(map(bytes, sealer.seal(1, b"m", [bytearray(b"a" * 70_000), b"b" * 70_000])))
    found, view = [], memoryview(data)
    while view:
        space = reader.space()
        size = min(len(space), len(view))
        space[:size] = view[:size]
        view = view[size:]
        found += reader.advance(size)
    [(_, _, [mutable, immutable])] = found
    assert not memoryview(mutable).readonly
    assert memoryview(immutable).readonly
    assert hash(immutable) == hash(b"b" * 70_000)
