"""Values and arrays of C types between processes."""

import ctypes

import pytest

import greenlithops.multiprocessing as mp
from greenlithops.multiprocessing import sharedctypes
from support.scripts import LIMIT


class Point(ctypes.Structure):
    _fields_ = (("x", ctypes.c_int), ("y", ctypes.c_double))


def count(value, array, times):
    for _ in range(times):
        with value.get_lock():
            value.value += 1
        with array:
            array[1] += 0.5


def test_nothing_is_lost_between_processes():
    value, array = mp.Value("i", 5), mp.Array("d", [1, 2, 3])
    processes = [mp.Process(target=count, args=(value, array, 30)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(LIMIT)
        process.close()
    assert value.value == 95
    assert array[:] == [1.0, 47.0, 3.0]


@pytest.mark.parametrize(
    ("code", "first", "second"),
    [
        ("b", -5, 7),
        ("B", 200, 0),
        ("h", -300, 1),
        ("i", -70000, 5),
        ("L", 1 << 40, 2),
        ("q", -(1 << 60), 3),
        ("f", 1.5, 2.5),
        ("d", 0.1, 1e300),
        ("c", b"x", b"y"),
        ("u", "ä", "€"),
    ],
)
def test_every_type(code, first, second):
    value = mp.Value(code, first)
    assert value.value == first
    value.value = second
    assert value.value == second
    raw = mp.RawArray(code, 2)
    raw[1] = first
    assert raw[1] == first
    assert len(raw) == 2


def test_indices_and_slices_are_those_of_arrays():
    array = mp.Array("i", range(5))
    assert list(array) == [0, 1, 2, 3, 4]
    assert (array[-1], array[1:3], array[::-2]) == (4, [1, 2], [4, 2, 0])
    array[1:3] = [9, 8]
    array[::4] = [5, 6]
    assert array[:] == [5, 9, 8, 3, 6]
    with pytest.raises(IndexError):
        array[5]
    with pytest.raises(IndexError):
        array[-6] = 1
    with pytest.raises(ValueError, match="same size"):
        array[0:2] = [1]
    with pytest.raises(TypeError):
        array[0] = "x"
    assert mp.Array("i", 0)[:] == []


def test_strings_end_with_a_zero():
    text = mp.Array("c", b"hello")
    assert (text.value, text.raw, text[0], text[1:3]) == (b"hello", b"hello", b"h", b"el")
    text.value = b"hi"
    assert (text.value, text.raw) == (b"hi", b"hi\0lo")
    text[0] = b"H"
    text.raw = b"HELLO"
    assert text.value == b"HELLO"
    with pytest.raises(ValueError, match="too long"):
        text.value = b"too long"


def test_structures_field_by_field():
    point = mp.Value(Point, 1, 2.5)
    point.x = 7
    assert (point.x, point.y) == (7, 2.5)
    points = mp.Array(Point, [(1, 2.0), (3, 4.0)], lock=False)
    points[1].y = 9.0
    assert [(p.x, p.y) for p in points] == [(1, 2.0), (3, 9.0)]
    with pytest.raises(AttributeError, match="no attribute"):
        point.z  # noqa: B018 - the attribute is what is tested


def test_locks_of_values():
    lock = mp.Lock()
    value = mp.Value("i", 1, lock=lock)
    assert value.get_lock() is lock
    with value:
        assert not lock.acquire(False)
    assert value.get_obj().value == 1
    raw = mp.RawValue("i", 1)
    assert not any(hasattr(raw, name) for name in ("get_lock", "get_obj", "acquire"))
    with pytest.raises(AttributeError, match="acquire"):
        mp.Value("i", lock="no lock")
    with pytest.raises(TypeError, match="typecode"):
        mp.Value("x")


class Place(ctypes.Structure):
    """Where something is."""

    _pack_ = 1
    _fields_ = (("x", ctypes.c_double), ("y", ctypes.c_int))
    scale = 2

    def moved(self, by):
        return Place(self.x + by * self.scale, self.y)


class Track(Place):
    _fields_ = (("start", Place), ("steps", ctypes.c_int * 3))


class Word(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("parts", ctypes.c_byte * 4))


def square_all(number, places):
    number.value **= 2
    for place in places:
        place.x **= 2


def test_structures_of_the_program_are_shared():
    number, places = mp.Value("i", 7), mp.Array(Place, [(1.5, 1), (2.0, 2)])
    process = mp.Process(target=square_all, args=(number, places))
    process.start()
    process.join(LIMIT)
    process.close()
    assert number.value == 49
    assert [(place.x, place.y) for place in places] == [(2.25, 1), (4.0, 2)]
    outbox = mp.Queue()
    outbox.put(places)
    assert [place.y for place in outbox.get()] == [1, 2]


def use_structures(x):
    track, word = Track(x, 2, Place(5, 6), (1, 2, 3)), Word(number=258)
    values = (track.moved(1).x, track.start.y, list(track.steps), word.parts[1], Place.__doc__)
    return values, ctypes.sizeof(track), isinstance(track, Place)


def test_functions_that_use_structures_travel():
    with mp.Pool(1) as pool:
        assert pool.apply(use_structures, (1.5,)) == use_structures(1.5)
        assert pool.map(use_structures, [2.5, 3.5]) == [use_structures(2.5), use_structures(3.5)]
    pool.join()


def test_what_ctypes_has_is_copied_and_given_a_lock():
    plain = Place(1.0, 2)
    twin = sharedctypes.copy(plain)
    plain.x = 0.0
    assert (twin.x, twin.y) == (1.0, 2)
    raw = mp.RawValue(Place, 3.0, 4)
    locked = sharedctypes.synchronized(raw)
    with locked.get_lock():
        locked.x += 1
    assert sharedctypes.copy(raw).x == 4.0
    with pytest.raises(TypeError, match="already"):
        sharedctypes.synchronized(locked)
