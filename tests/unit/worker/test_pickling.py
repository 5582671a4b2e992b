"""Values become bytes and come back the same, by the fast way or the slow one."""

import datetime as dt
import decimal
import pickle
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from greenlithops.worker.errors import pack_error
from greenlithops.worker.pickling import LARGE, Packer, unpack

atoms = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    st.binary().map(bytearray),
    st.complex_numbers(allow_nan=False),
    st.dates(),
    st.decimals(allow_nan=False),
    st.just(range(3)),
)
values = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(st.text(), inner),
        st.frozensets(st.integers()),
        st.sets(st.text()),
    ),
    max_leaves=20,
)


@given(st.lists(values, max_size=5))
def test_round_trip(sequence):
    packer = Packer()
    for value in sequence:
        stream, buffers = packer.pack(value)
        back = unpack(stream, [bytearray(buffer) for buffer in buffers])
        assert back == value
        assert type(back) is type(value)


@pytest.mark.parametrize(
    "value",
    [
        b"x" * LARGE,
        b"x" * (LARGE - 1),
        (b"x" * LARGE, 1, b"y" * (LARGE + 5)),
        {"a": [b"z" * (2 * LARGE)]},
        bytearray(b"q" * LARGE),
        [dt.date(2020, 1, 1), decimal.Decimal("1.5")],
    ],
)
def test_large_data_round_trip(value):
    stream, buffers = Packer().pack(value)
    back = unpack(stream, [bytes(buffer) for buffer in buffers])
    assert back == value
    assert type(back) is type(value)


def test_large_bytes_leave_the_stream():
    data = b"x" * LARGE
    stream, [buffer] = Packer().pack((1, data))
    assert len(stream) < 1000
    assert buffer.obj is data or bytes(buffer) == data


def test_a_packer_survives_what_cannot_be_packed():
    packer = Packer()
    for bad in (threading.Lock(), [threading.Lock()], (1, {"a": threading.Lock()})):
        with pytest.raises(TypeError):
            packer.pack(bad)
        stream, buffers = packer.pack([1, 2])
        assert unpack(stream, buffers) == [1, 2]


def test_shared_and_circular_parts_stay_so():
    part = [1]
    value = [part, part]
    value.append(value)
    stream, buffers = Packer().pack(value)
    back = unpack(stream, buffers)
    assert back[0] is back[1]
    assert back[2] is back


def test_values_do_not_share_a_memo():
    packer, part = Packer(), ["once"]
    first, _ = packer.pack([part])
    second, _ = packer.pack([part, part])
    assert pickle.loads(first) == [["once"]]
    assert pickle.loads(second) == [["once"], ["once"]]


def test_an_error_is_packed_with_its_text_and_trace():
    try:
        raise LookupError("nothing there")  # noqa: TRY301 - it needs a traceback
    except LookupError as error:
        stream, buffers = pack_error(error)
    pickled, kind, text, trace = pickle.loads(stream)
    assert buffers == []
    assert (kind, text) == ("LookupError", "nothing there")
    assert "test_an_error_is_packed" in trace
    assert type(pickle.loads(pickled)) is LookupError


def test_a_very_long_error_is_cut():
    stream, _ = pack_error(ValueError("x" * 10_000_000))
    _, _, text, trace = pickle.loads(stream)
    assert len(text) <= 100_000
    assert len(trace) <= 100_000
