"""Shared memory, values, arrays and structures."""

import ctypes
import multiprocessing as mp
from multiprocessing import shared_memory, sharedctypes


class Point(ctypes.Structure):
    _fields_ = [("x", ctypes.c_double), ("y", ctypes.c_double)]


def write(name, *arrays):
    array, value, points, text, raw = arrays
    block = shared_memory.SharedMemory(name)
    block.buf[:5] = b"hello"
    block.close()
    for index in range(len(array)):
        array[index] *= 2
    with value.get_lock():
        value.value += 1.5
    for point in points:
        point.x **= 2
    text.value = text.value.upper()
    raw[1:3] = [7, 8]


if __name__ == "__main__":
    block = shared_memory.SharedMemory(create=True, size=64)
    array, value = mp.Array("i", range(5)), mp.Value("d", 1.0)
    points = sharedctypes.Array(Point, [(1.5, -6.25), (2.0, 3.0)])
    text, raw = mp.Array("c", b"abc"), mp.RawArray("h", 4)
    process = mp.Process(target=write, args=(block.name, array, value, points, text, raw))
    process.start()
    process.join()
    print(bytes(block.buf[:5]), array[:], value.value, [(p.x, p.y) for p in points])
    print(text.value, text.raw, raw[:], len(raw), array[-1], array[1:3])
    block.close()
    block.unlink()
    try:
        array[7]
    except IndexError as error:
        print(error)
    try:
        value.value = "text"
    except TypeError as error:
        print(error)
