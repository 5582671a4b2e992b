"""Large arguments, results and output: whole, in memory that is given back, in nobody's way."""

import os
import subprocess
import sys

import pytest

import greenlithops as gl
from support import scripts
from support.clock import soon
from support.disasters import square

MIB = 1 << 20


async def test_a_result_of_500_mib_arrives_whole(executor):
    def make():
        return bytes(range(256)) * (500 * MIB // 256)

    others = [executor.submit(square, number) for number in range(50)]
    async with soon(20):
        data = await executor.submit(make)
    assert len(data) == 500 * MIB
    assert data[-512:] == bytes(range(256)) * 2
    assert [await other for other in others] == [square(number) for number in range(50)]


async def test_arguments_of_100_mib_arrive_whole(executor):
    def check(data, more):
        return len(data), data[-1], more

    async with soon(10):
        assert await executor.submit(check, b"\x07" * (100 * MIB), "more") == (100 * MIB, 7, "more")


async def test_nested_large_bytes_arrive_whole(executor):
    value = {"a": [b"x" * (8 * MIB), {"b": (bytearray(b"y" * MIB), "z" * MIB)}], "c": b"" * 5}
    async with soon(10):
        assert await executor.submit(lambda value: value, value) == value


async def test_many_middling_results_arrive_in_order(executor):
    async with soon(20):
        found = await executor.map(lambda n: bytes([n % 256]) * 100_000, range(1000))
    assert [data[0] for data in found] == [n % 256 for n in range(1000)]
    assert {len(data) for data in found} == {100_000}


def by_print(size):
    line = "x" * 1023 + "\n"
    for _ in range(size // 1024):
        sys.stdout.write(line)
    print("the end")


def by_write(size):
    block = b"y" * MIB
    for _ in range(size // MIB):
        os.write(1, block)
    os.write(2, b"the end\n")


def by_subprocess(size):
    subprocess.run(f"head -c {size} /dev/zero | tr '\\0' z; echo the end", shell=True, check=True)


@pytest.mark.parametrize("function", [by_print, by_write, by_subprocess])
async def test_output_of_100_mib_is_cut_with_a_note(executor, function):
    call = executor.submit(function, 100 * MIB)
    async with soon(20):
        await call
    text = call.logs
    assert len(text) < MIB + 1000
    assert text[:1000].strip("\n") in "x" * 1000 + "y" * 1000 + "z" * 1000
    assert text.endswith("the end\n")
    cut = 100 * MIB + len("the end\n") - MIB
    assert f"[greenlithops: {cut} bytes of output were cut here]" in text
    assert await executor.map(square, range(10)) == [square(n) for n in range(10)]


async def test_output_while_a_large_result_travels_does_not_mix():
    async with gl.AsyncExecutor(max_workers=1, log_bytes=4096) as executor:

        def work(number):
            print(f"I am {number}.")
            return bytes([number]) * MIB

        job = executor.map(work, range(20))
        async with soon(10):
            found = await job
        assert [data[0] for data in found] == list(range(20))
        assert job.logs == {number: f"I am {number}.\n" for number in range(20)}


HOLD_NOTHING = """
import asyncio, resource
from pathlib import Path
import greenlithops as gl

SIZE = 64 << 20

def make():
    return b"m" * SIZE

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

async def main():
    async with gl.AsyncExecutor(max_workers=1, energy="off") as executor:
        await executor.submit(make)
        before = resident()
        for _ in range(10):
            assert len(await executor.submit(make)) == SIZE
        print(resident() - before)

if __name__ == "__main__":
    asyncio.run(main())
"""


def test_memory_of_large_results_is_given_back(tmp_path):
    # In a program of its own: what other tests have left free moves about.
    assert int(scripts.run(tmp_path, HOLD_NOTHING)) < 100 * MIB
