"""A call's log keeps its first and its last half, and says how much is missing."""

import re

from hypothesis import given
from hypothesis import strategies as st

from greenlithops.worker.capture import CallLog

NOTE = re.compile(rb"\n\[greenlithops: (\d+) bytes of output were cut here\]\n")


@given(st.integers(1, 40).map(lambda n: 2 * n), st.lists(st.binary(max_size=100), max_size=20))
def test_ends_are_kept_and_the_rest_is_counted(limit, pieces):
    pieces = [bytes(97 + byte % 26 for byte in piece) for piece in pieces]
    log, whole = CallLog(limit), b"".join(pieces)
    for piece in pieces:
        log.write(piece)
    text = log.text().encode()
    if len(whole) <= limit:
        assert text == whole
        return
    half = limit // 2
    head, cut, tail = NOTE.split(text)
    assert head == whole[:half]
    assert tail == whole[-half:]
    assert len(head) + int(cut) + len(tail) == len(whole)


@given(st.integers(4, 40).map(lambda n: 2 * n), st.text("aé日\N{GRINNING FACE}", max_size=100))
def test_no_character_is_torn_where_output_is_cut(limit, whole):
    log, size = CallLog(limit), len(whole.encode())
    log.write(whole.encode())
    text = log.text()
    assert "\N{REPLACEMENT CHARACTER}" not in text
    if size > limit:
        head, cut, tail = NOTE.split(text.encode())
        assert whole.startswith(head.decode())
        assert whole.endswith(tail.decode())
        assert len(head) + int(cut) + len(tail) == size
        assert min(len(head), len(tail)) > limit // 2 - 4


def test_text_may_be_asked_for_more_than_once():
    log = CallLog(10)
    log.write(b"abc")
    assert log.text() == log.text() == "abc"
    log.write(memoryview(b"def"))
    assert log.text() == "abcdef"


def test_garbage_and_cut_characters_are_replaced():
    log = CallLog(100)
    log.write(b"\xff\xc3")
    assert log.text() == "\N{REPLACEMENT CHARACTER}" * 2


@given(st.lists(st.text(max_size=8), max_size=15))
def test_news_of_a_live_log_add_up_to_the_log(pieces):
    log, found = CallLog(1 << 20, live=True), ""
    for piece in pieces:
        log.write(piece.encode())
        found += log.news()
    assert found == log.text() == "".join(pieces)


def test_news_do_not_tear_characters_apart():
    log, found = CallLog(1 << 20, live=True), ""
    for byte in "žluť".encode():
        log.write(bytes([byte]))
        found += log.news()
    assert found + log.news() == "žluť"
