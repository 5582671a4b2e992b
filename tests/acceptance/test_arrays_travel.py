"""Arrays travel beside the pickle stream, whole, writable and once."""

import asyncio

import numpy as np
import pytest

import greenlithops as gl
from support.clock import soon


def arrays():
    plain = np.arange(300_000, dtype="f8")
    return {
        "small": np.arange(10),
        "empty": np.empty((0, 5)),
        "scalar": np.array(5.0),
        "large": plain,
        "shaped": plain.reshape(100, 3000),
        "fortran": np.asfortranarray(plain.reshape(100, 3000)),
        "strided": plain[::3],
        "reversed": plain[::-1],
        "transposed": plain.reshape(100, 3000).T,
        "structured": np.zeros(50_000, dtype=[("a", "i4"), ("b", "f8")]),
        "objects": np.array([{"a": 1}, None, "text"], dtype=object),
        "dates": np.arange("2020-01", "2025-01", dtype="M8[D]"),
        "masked": np.ma.masked_array(plain, plain > 5),
        "bytes": np.full(100_000, b"abc", dtype="S3"),
    }


@pytest.mark.parametrize("name", list(arrays()))
async def test_an_array_arrives_as_it_was_and_writable(executor, name):
    array = arrays()[name]

    def change(array):
        assert array.flags.writeable
        if array.size:
            array[...] = array
        return array

    async with soon(10):
        back = await executor.submit(change, array)
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.flags.writeable
    assert np.array_equal(back, array)
    assert type(back) is type(array)


async def test_many_arrays_in_one_call_and_one_batch(executor):
    def add(left, right):
        return left + right, [left, {"right": right}]

    pairs = [(np.full(20_000, n, "f8"), np.full(30, n, "i8")[:1]) for n in range(100)]
    async with soon(10):
        found = await executor.map(add, pairs)
    for number, (total, (left, right)) in enumerate(found):
        assert total.shape == (20_000,)
        assert (total == 2 * number).all()
        assert (left == number).all()
        assert right["right"][0] == number


async def test_an_array_of_a_closure_travels_with_the_function(executor):
    table = np.arange(200_000)
    job = executor.map(lambda number: int(table[number]) * 2, range(50))
    async with soon(10):
        assert await job == [2 * number for number in range(50)]
    assert job[5].stats.bytes_in < 1000
    table[5] = 1000
    assert await executor.submit(lambda: int(table[5])) == 1000


async def test_bytes_are_counted_with_their_arrays(executor):
    array = np.zeros(1 << 20, "u1")
    call = executor.submit(lambda array: array, array)
    await call
    assert (1 << 20) < call.stats.bytes_in < (1 << 20) + 1000
    assert (1 << 20) < call.stats.bytes_out < (1 << 20) + 1000


async def test_a_retried_call_gets_its_arrays_again(executor, tmp_path):
    def work(array):
        array *= 2  # the worker's own copy
        if not (tmp_path / "tried").exists():
            (tmp_path / "tried").touch()
            raise ConnectionError
        return float(array.sum())

    call = executor.options(retries=gl.RetryPolicy(delay=0)).submit(work, np.ones(100_000))
    assert await call == 200_000.0


async def test_arrays_of_several_jobs_at_once_do_not_mix(executor):
    async def round_trip(number):
        array = np.full(100_000, number)
        back = await executor.submit(lambda array: array + 1, array)
        return (back == number + 1).all()

    async with soon(15):
        assert all(await asyncio.gather(*map(round_trip, range(30))))
