"""What a call prints, by whatever way, is in its log, and in nobody else's."""

# ruff: noqa: PLC0415 - functions that run in workers import what they need there

import asyncio
import os
import subprocess
import sys

import pytest

import greenlithops as gl
from greenlithops import EventKind
from support.clock import eventually, soon
from support.disasters import hold, square


@pytest.fixture
async def single():
    async with gl.AsyncExecutor(max_workers=1, log_bytes=10_000) as executor:
        yield executor


async def logs(executor, function, *args):
    call = executor.submit(function, *args)
    await call
    return call.logs


async def test_every_way_to_print(single):
    def work():
        print("out")
        print("err", file=sys.stderr)
        sys.stdout.write("written")
        sys.stdout.buffer.write(b" as bytes\n")
        print("flushed", end="!\n", flush=True)
        sys.__stdout__.write("original\n")

    assert await logs(single, work) == "out\nerr\nwritten as bytes\nflushed!\noriginal\n"


async def test_what_c_code_and_subprocesses_print(single):
    def work():
        os.write(1, b"descriptor 1\n")
        os.write(2, b"descriptor 2\n")
        subprocess.run(["sh", "-c", "echo child; echo child error >&2"], check=True)

    assert await logs(single, work) == "descriptor 1\ndescriptor 2\nchild\nchild error\n"
    assert await logs(single, square, 2) == ""


async def test_unicode_and_garbage(single):
    def work():
        print("žluťoučký 🐎 \ud800")
        sys.stdout.buffer.write(b"\xff\xfe\n")
        os.write(1, bytes(range(128, 140)))

    text = await logs(single, work)
    assert "žluťoučký 🐎" in text
    assert "\\ud800" in text
    assert "\N{REPLACEMENT CHARACTER}" in text


async def test_a_long_log_keeps_its_ends(single):
    def work():
        for number in range(5000):
            print(f"line {number:05}")

    text = await logs(single, work)
    assert text.startswith("line 00000\nline 00001\n")
    assert text.endswith("line 04999\n")
    assert f"[greenlithops: {5000 * 11 - 10_000} bytes of output were cut here]" in text
    assert len(text) < 10_100


async def test_logs_are_by_call_and_of_failed_calls_too(single):
    def work(number):
        if number % 2:
            print(f"number {number}")
        if number == 3:
            raise ValueError(number)

    job = single.map(work, range(6))
    assert await job.wait(10)
    assert job.logs == {1: "number 1\n", 3: "number 3\n", 5: "number 5\n"}
    assert job[3].logs == "number 3\n"
    assert job[2].logs == ""


async def test_logs_of_many_quick_calls_stay_with_their_call(executor):
    def work(number):
        print(number)

    job = executor.map(work, range(3000))
    await job
    assert job.logs == {number: f"{number}\n" for number in range(3000)}


async def test_the_logging_module_prints_to_the_log(single):
    def work():
        import logging

        logging.getLogger("mine").warning("careful")

    assert "careful" in await logs(single, work)


async def test_without_live_logs_there_is_nothing_until_the_end(single, tmp_path):
    def work():
        print("early")
        (tmp_path / "printed").touch()
        hold(tmp_path / "go")

    call = single.submit(work)
    await eventually((tmp_path / "printed").exists)
    await asyncio.sleep(0.3)
    assert call.logs == ""
    (tmp_path / "go").touch()
    await call
    assert call.logs == "early\n"


@pytest.mark.parametrize("kind", ["function", "coroutine"])
async def test_live_logs_come_while_the_call_runs(tmp_path, kind):
    heard = []

    def work():
        import time

        print("žlutý, early")
        while not (tmp_path / "go").exists():
            time.sleep(0.01)
        print("late")

    async def work_async():
        print("žlutý, early")
        while not (tmp_path / "go").exists():  # noqa: ASYNC110 - another process makes it
            await asyncio.sleep(0.01)
        print("late")

    hooks = [lambda event: event.kind is EventKind.CALL_PRINTED and heard.append(event.text)]
    async with gl.AsyncExecutor(max_workers=1, hooks=hooks) as executor:
        function = work if kind == "function" else work_async
        call = executor.options(live_logs=True).submit(function)
        try:
            await eventually(lambda: call.logs == "žlutý, early\n")
            assert not call.done()
            assert call.job.logs == {call.index: "žlutý, early\n"}
            await eventually(lambda: heard == ["žlutý, early\n"])
        finally:
            (tmp_path / "go").touch()
        async with soon(5):
            await call
        assert call.logs == "žlutý, early\nlate\n"


async def test_live_logs_of_descriptors(tmp_path):
    def work():
        import time

        os.write(1, b"from below\n")
        while not (tmp_path / "go").exists():
            time.sleep(0.01)

    async with gl.AsyncExecutor(max_workers=1) as executor:
        call = executor.options(live_logs=True).submit(work)
        await asyncio.sleep(1.0)
        (tmp_path / "go").touch()
        await call
        assert call.logs == "from below\n"
        printing = executor.map(print, range(5), live_logs=True)
        await printing
        assert printing.logs == {number: f"{number}\n" for number in range(5)}


async def test_the_log_of_a_call_that_died_is_in_its_error(single):
    def work():
        print("my last words")
        os.write(2, b"from below\n")
        os._exit(3)

    with pytest.raises(RuntimeError, match="from below"):
        await single.submit(work)
